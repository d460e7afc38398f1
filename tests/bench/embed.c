/* Embeddings of a file's rows: seconds, CPU seconds, and the vectors for a comparison.
 *
 *     embed ENCODER ROWS THREADS MAX_LENGTH REPEAT [OUT]     a JSON object; OUT: (n,C) float32, little-endian */
#include "base/file.h"
#include "base/mem.h"
#include "model/train.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct job {
    struct sg_encoder *encoder;
    struct sg_rows rows;
    float *out;
};

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static sg_status measure(struct job *j, char **argument, const char *to, struct sg_err *err)
{
    int64_t threads = atoll(argument[2]), max_length = atoll(argument[3]), repeat = atoll(argument[4]);
    double best_s = 1e30, best_cpu_s = 1e30;
    SG_TRY(sg_encoder_load(argument[0], &j->encoder, err));
    SG_TRY(sg_rows_read(argument[1], NULL, 0, 0, &j->rows, err));
    const struct sg_examples x = {.n = j->rows.n, .row = j->rows.row, .cut = SG_CUT_LONGEST};
    size_t n = (size_t)(x.n * sg_encoder_channels(j->encoder));
    j->out = sg_alloc(n, sizeof *j->out);
    if (!j->out)
        return sg_fail_memory(err, n * sizeof *j->out);
    for (int64_t i = 0; i < repeat; i++) {
        double begin_s = sg_now_s(), begin_cpu_s = cpu_s();
        SG_TRY(sg_embed(j->encoder, &x, max_length, SG_POOLING_MEAN, threads, j->out, err));
        double took_s = sg_now_s() - begin_s, took_cpu_s = cpu_s() - begin_cpu_s;
        best_s = took_s < best_s ? took_s : best_s;
        best_cpu_s = took_cpu_s < best_cpu_s ? took_cpu_s : best_cpu_s;
    }
    printf("{\"rows\": %lld, \"seconds\": %.4f, \"cpu_seconds\": %.4f}\n", (long long)x.n, best_s,
           best_cpu_s);
    return to ? sg_file_write(to, j->out, n * sizeof *j->out, err) : SG_OK;
}

int main(int argc, char **argv)
{
    struct job j = {0};
    struct sg_err err = {0};
    if (argc < 6) {
        fprintf(stderr, "embed ENCODER ROWS THREADS MAX_LENGTH REPEAT [OUT]\n");
        return 2;
    }
    MPI_Init(&argc, &argv);
    sg_status status = measure(&j, argv + 1, argc > 6 ? argv[6] : NULL, &err);
    if (status != SG_OK)
        fprintf(stderr, "embed: %s\n", err.text);
    sg_encoder_destroy(j.encoder);
    sg_rows_free(&j.rows);
    sg_free(j.out);
    MPI_Finalize();
    return status == SG_OK ? 0 : 1;
}
