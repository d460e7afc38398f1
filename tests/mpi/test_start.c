/* sg_mpi_start alone: `test_start STATUS CORES` exits 0 when the start gives that status, and then that many
 * cores (0: any number). The environment is the test. */
#include "base/cores.h"
#include "base/text.h"
#include "mpi/comm.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    struct sg_team w = {0};
    int64_t want_status = -1, want_cores = -1;
    if (argc != 3 || !sg_parse_int64(argv[1], &want_status) || !sg_parse_int64(argv[2], &want_cores))
        return 99;
    sg_status status = sg_mpi_start(&argc, &argv, &w, &err);
    int cores = sg_cores();
    sg_mpi_end();
    fprintf(stderr, "status %d, %d ranks, %d cores %s\n", (int)status, w.size, cores, err.text);
    return status != (sg_status)want_status || (want_cores && cores != (int)want_cores);
}
