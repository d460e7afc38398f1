/* The tiny classifiers of tests/oracle/model, for tests of the trainer. */
#ifndef SG_TESTS_MODEL_TINY_H
#define SG_TESTS_MODEL_TINY_H

#include "base/file.h"
#include "base/mem.h"
#include "model/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TINY "tests/oracle/model/"
enum { TINY_LENGTH = 40, TINY_CLASSES = 3 };

/* Rows and labels of DIR/<name>.txt; 0 when it cannot be read. Free with sg_rows_free. */
static inline int64_t tiny_texts(const char *dir, const char *name, struct sg_rows *rows, int32_t label[64])
{
    char path[128];
    char *text = NULL;
    struct sg_err err;
    snprintf(path, sizeof path, "%s/%s.txt", dir, name);
    *rows = (struct sg_rows){0};
    if (sg_file_read(path, 1 << 20, &text, NULL, &err) != SG_OK)
        return 0;
    for (char *line = text; *line && rows->n < 64;) {
        char *end = strchr(line, '\n');
        if (!end)
            break;
        *end = 0;
        char *first = strchr(line, '|') + 1, *second = strchr(first, '|');
        if (second)
            *second++ = 0;
        label[rows->n] = atoi(line);
        if (sg_rows_add(rows, first, second, "", &err) != SG_OK)
            break;
        line = end + 1;
    }
    sg_free(text);
    return rows->n;
}

static inline int64_t tiny_rows(const char *family, struct sg_rows *rows, int32_t label[64])
{
    char dir[64];
    snprintf(dir, sizeof dir, TINY "%s", family);
    return tiny_texts(dir, "rows", rows, label);
}

static inline struct sg_examples tiny_examples(const struct sg_rows *rows, const int32_t *label)
{
    return (struct sg_examples){
        .n = rows->n, .row = rows->row, .label = label, .cut = SG_CUT_LONGEST, .n_classes = TINY_CLASSES};
}

static inline struct sg_train_settings tiny_settings(void)
{
    struct sg_train_settings s = sg_train_defaults();
    s.batch = 6;
    s.epochs = 4;
    s.min_steps = 0;
    s.lr = 2e-3;
    s.max_length = TINY_LENGTH;
    s.threads = 1;
    s.seed = 5;
    return s;
}

#endif
