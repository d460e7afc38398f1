#include "cli/guard.h"

#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* What damaged HDF5 files do to the library (seen with 1.10.8): it reads for ever (a link that leads back to its own group), or
 * writes where it must not (a length in the heap of texts). A file that is whole takes seconds a gigabyte; the time counts while we
 * compute alone, so that a slow file system is none. */
static const char endless[] = "synthgrid: damaged: reading results.h5 does not end; hint: `synthgrid run` "
                              "builds it again from the ledger\n";
static const char unreadable[] =
    "synthgrid: damaged: HDF5 breaks down over results.h5; hint: `synthgrid run` "
    "builds it again from the ledger\n";

static void on_endless(int signal_number)
{
    (void)signal_number;
    (void)!write(2, endless, sizeof endless - 1);
    _exit(2);
}

static void on_fault(int signal_number)
{
    (void)signal_number;
    (void)!write(2, unreadable, sizeof unreadable - 1);
    _exit(2);
}

static double size_of(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

void sg_cli_guard_end(void)
{
    const struct itimerval none = {0};
    setitimer(ITIMER_PROF, &none, NULL);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        signal(faults[i], SIG_DFL);
}

void sg_cli_guard_reading(const char *path, const char *other)
{
    static char stack[65536]; /* the library's own may be used up */
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    double size = size_of(path) + size_of(other);
    struct itimerval limit = {.it_value.tv_sec = 8 + (time_t)(size / 4e6)};
    signal(SIGPROF, on_endless);
    setitimer(ITIMER_PROF, &limit, NULL);
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    sigaltstack(&own, NULL);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigaction(faults[i], &action, NULL);
}
