/* synthgrid: the table of contents. Each command is a file cmd_<name>.c; a new one is a row here and a line
 * in commands.h. */
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/tell.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/version.h"
#include "gen/llm/companion.h"
#include "mpi/blas.h"
#include "mpi/comm.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

const struct sg_command sg_command[] = {
    {"plan", "STUDY [key=value...]", "the grid, requests, tokens, cost, memory; spends nothing", sg_cmd_plan},
    {"run", "STUDY [key=value...]", "all of a study, under mpirun or srun; run again to resume", sg_cmd_run},
    {"generate", "STUDY [key=value...]", "the buying alone, where there is a network", sg_cmd_generate},
    {"submit", "STUDY [key=value...] [-- ...]", "the study as a job of Slurm, PBS or LSF", sg_cmd_submit},
    {"rehearse", "STUDY [key=value...]", "the whole study against a stub server: no money, no key",
     sg_cmd_rehearse},
    {"status", "DIR", "how far a run is", sg_cmd_status},
    {"explain", "DIR [CELL] [key=value...]", "why a cell waits or failed, where it ran, what it cost",
     sg_cmd_explain},
    {"report", "DIR|results.h5", "what a study found: answers, tables, figures", sg_cmd_report},
    {"verify", "DIR|results.h5", "whether results.h5 is whole, complete and what the ledger says",
     sg_cmd_verify},
    {"merge", "A B [...] -o C", "what one study has bought and trained in several places, as one folder",
     sg_cmd_merge},
    {"export", "DIR|results.h5 --format F -o OUT", "CSV tables, pools for Hugging Face, Croissant metadata",
     sg_cmd_export},
    {"recording", "DIR FILE.jsonl.gz", "a run's completions, for a replay without a server",
     sg_cmd_recording},
    {"bundle", "STUDY FILE [key=value...]", "a study with all that was bought in one file, for `run FILE`",
     sg_cmd_bundle},
    {"init", "FILE [--text COL --label COL]", "a study of one's own labelled rows: task file, split, study",
     sg_cmd_init},
    {"train", "--encoder DIR --train FILE --eval FILE",
     "fine-tune one encoder and measure it, as a cell does", sg_cmd_train},
    {"predict", "--model DIR --input FILE", "labels and probabilities by a saved classifier", sg_cmd_predict},
    {"tokenize", "--encoder DIR --input FILE", "token ids, a JSON array a row", sg_cmd_tokenize},
    {"fetch", "model NAME | data TASK|all", "encoders and data sets from the Hugging Face Hub", sg_cmd_fetch},
    {"settings", "[STUDY] [key=value...]", "all settings with their help, or a study's with their values",
     sg_cmd_settings},
    {"doctor", "[STUDY] [key=value...]", "what works here; with a study, its endpoint too", sg_cmd_doctor},
    {"completion", "bash|zsh|fish", "completions for a shell: `source <(synthgrid completion bash)`",
     sg_cmd_completion},
    {"manual", "[NAME]", "manual pages: `synthgrid manual run | man -l -`", sg_cmd_manual},
};
enum { N_COMMANDS = sizeof sg_command / sizeof sg_command[0] };
const int sg_n_commands = N_COMMANDS;

static int help(void)
{
    printf("synthgrid: when does data written by a language model help to train a text classifier?\n\n"
           "Usage: synthgrid COMMAND ...         or: mpirun -n RANKS synthgrid COMMAND ...\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %-42s %s\n", sg_command[i].name, sg_command[i].arguments, sg_command[i].help);
    printf(
        "\n`synthgrid COMMAND --help` says more; `synthgrid --version` names the libraries.\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 stopped at a limit (run again to resume),\n"
        "4 finished, but some cells failed.\n");
    return SG_OK;
}

static int version(void)
{
    struct sg_buf b = sg_buf_make(65536);
    sg_version_text(&b);
    fputs(sg_buf_text(&b), stdout);
    sg_buf_free(&b);
    return SG_OK;
}

static int wrong_command(const char *name)
{
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++)
        names[i] = sg_command[i].name;
    int near = sg_text_nearest(name, names, N_COMMANDS);
    struct sg_err err = {0};
    if (near >= 0)
        sg_fail(&err, SG_INPUT, "there is no command \"%.100s\"; hint: did you mean `synthgrid %s`?", name,
                names[near]);
    else
        sg_fail(&err, SG_INPUT, "there is no command \"%.100s\"; hint: `synthgrid --help` lists them", name);
    sg_tell_sentence(err.text);
    return SG_INPUT;
}

/* Open MPI's shared memory transport reads large messages out of the other process (cross-memory attach),
 * which the kernel refuses for a hardened process, as it does in most containers: each message would then
 * fail, complain and be sent again. Copying through shared memory always works. A user's own setting stays.
 */
static void use_plain_shared_memory(void)
{
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0); /* Open MPI 4 */
    setenv("OMPI_MCA_btl_sm_single_copy_mechanism", "none", 0);    /* 5, and MPI libraries made from it */
    setenv("OMPI_MCA_smsc", "^cma", 0);
}

int main(int argc, char **argv)
{
    sg_blas_recognise_cpu(argv);
    sg_secret_harden();
    use_plain_shared_memory();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe or connection is an error that is reported, not a death */
    signal(SIGXFSZ, SIG_IGN); /* and so is a write over the limit on a file's size: EFBIG */
    struct sg_args none = {0};
    struct sg_err err = {0};
    if (argc < 2) {
        sg_tell_sentence("no command given; hint: `synthgrid --help` lists them");
        return SG_INPUT;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (strcmp(name, "help") == 0 && argc == 2))
        return sg_cli_end(&none, NULL, (sg_status)help(), &err);
    if (strcmp(name, SG_COMPANION_KEEPER) == 0)
        return sg_companion_keep(argc, argv);
    if (strcmp(name, "--version") == 0)
        return sg_cli_end(&none, NULL, (sg_status)version(), &err);
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, sg_command[i].name) == 0) {
            int code = sg_command[i].run(argc - 2, argv + 2);
            sg_secret_wipe();
            return code;
        }
    return wrong_command(name);
}
