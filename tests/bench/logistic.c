/* Seconds of processor time that logistic regression takes (model/logistic.h): tests/bench/probe compares them with scikit-learn's.
 *
 *     logistic ROWS LABELS n=2100 channels=384 classes=2 [c=1] [test=1000] [repeat=3]
 *     logistic n=200 channels=48 classes=3         rows that are made up
 *
 * ROWS: float32 (n + test, channels); LABELS: int32 (n). Prints a JSON object: fit_s and predict_s, the least of the repetitions,
 * n_iterations, and the coefficients' sum of magnitudes. */
#include "model/logistic.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int read_all(const char *path, void *out, size_t n_bytes)
{
    FILE *f = fopen(path, "rb");
    int whole = f && fread(out, 1, n_bytes, f) == n_bytes;
    if (f)
        fclose(f);
    if (!whole)
        fprintf(stderr, "logistic: %s: cannot be read, or has less than %zu bytes\n", path, n_bytes);
    return whole;
}

static void make_up(float *x, int32_t *label, int64_t n, int64_t n_test, int channels, int classes)
{
    struct sg_rng rng = sg_rng_make(1, 1);
    for (int64_t i = 0; i < n + n_test; i++) {
        int k = (int)sg_rng_below(&rng, (uint64_t)classes);
        if (i < n)
            label[i] = k;
        for (int c = 0; c < channels; c++)
            x[i * channels + c] =
                (float)((sg_rng_normal(&rng) + (c % classes == k)) / sqrt((double)channels));
    }
}

int main(int n_words, char **word)
{
    double n = 200, channels = 48, classes = 3, c = 1, test = 100, repeat = 3;
    const struct {
        const char *key;
        double *value;
    } option[] = {{"n=", &n}, {"channels=", &channels}, {"classes=", &classes},
                  {"c=", &c}, {"test=", &test},         {"repeat=", &repeat}};
    const char *path[2] = {0};
    int n_paths = 0;
    for (int i = 1; i < n_words; i++) {
        size_t k = 0, n_options = sizeof option / sizeof *option;
        while (k < n_options && strncmp(word[i], option[k].key, strlen(option[k].key)) != 0)
            k++;
        if (k < n_options)
            *option[k].value = atof(strchr(word[i], '=') + 1);
        else if (n_paths < 2)
            path[n_paths++] = word[i];
    }
    if (n_paths == 1 || n < 1 || channels < 1 || classes < 1 || test < 0 || repeat < 1)
        return fprintf(stderr, "usage: logistic [ROWS LABELS] n= channels= classes= c= test= repeat=\n"), 2;
    size_t C = (size_t)channels, K = (size_t)classes, N = (size_t)n, T = (size_t)test;
    float *x = sg_alloc((N + T) * C, sizeof *x), *logits = sg_alloc(T * K, sizeof *logits);
    int32_t *label = sg_alloc(N, sizeof *label);
    if (!x || !logits || !label)
        return fprintf(stderr, "logistic: out of memory\n"), 1;
    if (n_paths == 0)
        make_up(x, label, (int64_t)N, (int64_t)T, (int)C, (int)K);
    else if (!read_all(path[0], x, (N + T) * C * sizeof *x) || !read_all(path[1], label, N * sizeof *label))
        return 1;

    struct sg_logistic_settings s = {.c = c};
    double fit_s = INFINITY, predict_s = INFINITY, sum = 0.0;
    int64_t n_iterations = 0;
    for (int r = 0; r < (int)repeat; r++) {
        struct sg_logistic m;
        struct sg_err err;
        double began = cpu_s();
        if (sg_logistic_fit(x, label, NULL, (int64_t)N, (int)C, (int)K, &s, &m, &err) != SG_OK)
            return fprintf(stderr, "logistic: %s\n", err.text), 1;
        double fitted = cpu_s();
        sg_logistic_logits(&m, x + N * C, (int64_t)T, logits);
        predict_s = fmin(predict_s, cpu_s() - fitted);
        fit_s = fmin(fit_s, fitted - began);
        sum = 0.0;
        for (int64_t i = 0; i < (int64_t)m.n_vectors * m.c_dim; i++)
            sum += fabs(m.w[i]);
        n_iterations = m.n_iterations;
        sg_logistic_free(&m);
    }
    printf("{\"fit_s\": %.9f, \"predict_s\": %.9f, \"n_iterations\": %lld, \"sum\": %.12g}\n", fit_s,
           predict_s, (long long)n_iterations, sum);
    sg_free(x);
    sg_free(logits);
    sg_free(label);
    return 0;
}
