/* Ranks wake each other: long before a wait is over, from another thread too; rings whose message does not come cost some short looks; and what is
 * missing, a socket or the other rank, is no error. */
#include "mpi/doorbell.h"

#include "base/file.h"
#include "base/mem.h"
#include "tests/mpi/check.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct sg_team world;
static struct sg_doorbell bell;

enum { LONG_US = 5000000, LOOK_US = 2000 };

/* Seconds until it was woken. */
static double wait_s(void)
{
    double began = sg_now_s();
    sg_doorbell_wait(&bell, LOOK_US, LONG_US);
    return sg_now_s() - began;
}

/* Each of the others rings rank 0, then rank 0 each of them. */
static void rings(void)
{
    struct sg_err err = {0};
    for (int r = 1; r < world.size; r++) {
        CHECK_OK(sg_wait_all(&world, &err), err);
        if (world.rank == r) {
            sg_sleep_us(20000);
            sg_doorbell_ring(&bell, 0);
            CHECK(wait_s() < 2.5);
            sg_doorbell_message_came(&bell);
        } else if (world.rank == 0) {
            CHECK(wait_s() < 2.5 && bell.n_expected == 1);
            sg_doorbell_message_came(&bell);
            sg_doorbell_ring(&bell, r);
        }
    }
}

static void *wake_later(void *arg)
{
    (void)arg;
    sg_sleep_us(20000);
    sg_doorbell_wake(&bell);
    return NULL;
}

static void own_thread(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wake_later, NULL) == 0);
    CHECK(wait_s() < 2.5);
    pthread_join(thread, NULL);
    sg_doorbell_wake(&bell); /* before the wait */
    CHECK(wait_s() < 2.5);
    CHECK(bell.n_expected == 0);
}

/* Rank 0 is rung for nothing: it looks some times, then sleeps as long as it may. */
static void for_nothing(void)
{
    struct sg_err err = {0};
    CHECK_OK(sg_wait_all(&world, &err), err); /* rank 0 has done with its own thread */
    if (world.rank == 1)
        sg_doorbell_ring(&bell, 0);
    CHECK_OK(sg_wait_all(&world, &err), err);
    if (world.rank != 0 || world.size == 1)
        return;
    CHECK(wait_s() < 2.5 && bell.n_expected == 1);
    double began = sg_now_s();
    int n = 0;
    while (bell.n_expected && n < 1000) {
        sg_doorbell_wait(&bell, LOOK_US, 30000);
        n++;
    }
    CHECK(n > 3 && n < 50 && sg_now_s() - began < 2.5);
}

/* Who has gone, and who has no socket, is rung in vain; then ranks look. */
static void nobody_there(void)
{
    struct sg_err err = {0};
    CHECK_OK(sg_wait_all(&world, &err), err);
    if (world.rank == 0 && world.size > 1) {
        close(bell.socket);
        bell.socket = -1;
        bell.is_rung_by_all = 0;
        double began = sg_now_s();
        sg_doorbell_wait(&bell, LOOK_US, LONG_US);
        CHECK(sg_now_s() - began < 2.5);
    }
    CHECK_OK(sg_wait_all(&world, &err), err);
    sg_doorbell_ring(&bell, 0);
    sg_doorbell_ring(&bell, world.size + 5);
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    struct sg_doorbell none = {0};
    CHECK_OK(sg_mpi_start(&argc, &argv, &world, &err), err);
    sg_doorbell_close(&none);
    CHECK_OK(sg_doorbell_open(&bell, &world, &err), err);
    CHECK(bell.socket >= 0 && bell.is_rung_by_all); /* all of one node */
    rings();
    own_thread();
    for_nothing();
    nobody_there();
    sg_doorbell_close(&bell);
    CHECK(sg_mem_now() == 0);
    sg_mpi_end();
    return 0;
}
