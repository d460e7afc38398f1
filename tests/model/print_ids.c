/* Prints the token ids of every row of a file, a JSON array a line: for comparing with `tokenizers` (see
 * tokenizer_rows.py).
 *
 *     print_ids DIR FILE MAX_LENGTH */
#include "base/rows.h"
#include "model/tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

static sg_status print_all(const char *dir, const char *file, int64_t max_length, struct sg_err *err)
{
    struct sg_tokenizer *t = NULL;
    struct sg_rows rows = {0};
    int32_t *ids = calloc((size_t)max_length, sizeof *ids);
    sg_status status = sg_tokenizer_load(dir, &t, err);
    if (status == SG_OK)
        status = sg_rows_read(file, NULL, 0, 0, &rows, err);
    for (int64_t i = 0; status == SG_OK && i < rows.n; i++) {
        int64_t n = 0;
        const struct sg_row *r = &rows.row[i];
        status = sg_tokenizer_encode(t, r->first, r->second, rows.cut, max_length, ids, NULL, &n, err);
        for (int64_t k = 0; status == SG_OK && k < n; k++)
            printf("%s%d", k ? ", " : "[", (int)ids[k]);
        puts("]");
    }
    sg_rows_free(&rows);
    sg_tokenizer_destroy(t);
    free(ids);
    return status;
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    if (argc != 4 || atoll(argv[3]) < 5) {
        fprintf(stderr, "usage: print_ids DIR FILE MAX_LENGTH\n");
        return SG_INPUT;
    }
    sg_status status = print_all(argv[1], argv[2], atoll(argv[3]), &err);
    if (status != SG_OK)
        fprintf(stderr, "print_ids: %s\n", err.text);
    return status;
}
