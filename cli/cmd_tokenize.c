/* synthgrid tokenize: token ids as the encoder sees them, for checks against other tokenizers. */
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/row_options.h"
#include "experiments/study/paths.h"
#include "model/tokenizer/tokenizer.h"

#include <inttypes.h>

static sg_status print_row(const struct sg_tokenizer *t, const struct sg_row *row, enum sg_cut cut,
                           int64_t max_length, int32_t *ids, struct sg_err *err)
{
    int64_t n = 0;
    SG_TRY(sg_tokenizer_encode(t, row->first, row->second, cut, max_length, ids, NULL, &n, err));
    putchar('[');
    for (int64_t i = 0; i < n; i++)
        printf("%s%" PRId32, i ? ", " : "", ids[i]);
    puts("]");
    return SG_OK;
}

static sg_status tokenize(const char *encoder, const char *input, struct sg_row_options *row_options,
                          int64_t max_length, struct sg_err *err)
{
    struct sg_tokenizer *t = NULL;
    char *dir = NULL;
    struct sg_rows rows = {0};
    sg_status status = SG_OK;
    int32_t *ids = sg_alloc((size_t)max_length, sizeof *ids);
    if (!ids)
        return sg_fail_memory(err, (size_t)max_length * sizeof *ids);
    SG_TRY_DONE(sg_path_encoder("--encoder", encoder, &dir, err));
    SG_TRY_DONE(sg_tokenizer_load(dir, &t, err));
    SG_TRY_DONE(sg_row_options_parse(row_options, err));
    SG_TRY_DONE(sg_rows_read(input, &row_options->fields, 0, 0, &rows, err));
    sg_rows_tell(&rows);
    for (int64_t i = 0; i < rows.n && !ferror(stdout); i++) {
        status = print_row(t, &rows.row[i], rows.cut, max_length, ids, err);
        if (status != SG_OK) {
            sg_err_at(err, "%s: row %" PRId64, input, i + 1);
            goto done;
        }
    }
done:
    sg_rows_free(&rows);
    sg_tokenizer_destroy(t);
    sg_free(dir);
    sg_free(ids);
    return status;
}

int sg_cmd_tokenize(int argc, char **argv)
{
    const char *encoder = NULL, *input = NULL;
    int64_t max_length = 512;
    struct sg_row_options row_options = {0};
    const struct sg_option option[] = {
        {"encoder", SG_OPT_TEXT, "DIR",
         "folder with tokenizer.json, or vocab.txt, or vocab.json and merges.txt", .text = &encoder,
         .required = 1},
        {"input", SG_OPT_TEXT, "FILE", "rows: .jsonl, .csv, .tsv, also .gz; - is standard input (JSON Lines)",
         .text = &input, .required = 1},
        SG_ROW_OPTIONS(&row_options),
        {"max-length", SG_OPT_COUNT, "N", "cut to N tokens, the special ones included (default 512)",
         .count = &max_length, .min = 5, .max = 1 << 20},
    };
    const struct sg_usage usage = {
        .command = "tokenize",
        .about = "Prints the token ids of each row, with special tokens, as one JSON array a line. Rows have "
                 "`text`, or a pair\n"
                 "under a known name (`sentence1` and `sentence2`, `question` and `passage`, ...); labels "
                 "are not needed.",
        .option = option,
        .n_options = sizeof option / sizeof option[0],
    };
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    sg_status status = tokenize(encoder, input, &row_options, max_length, &err);
    sg_row_options_free(&row_options);
    return sg_cli_end(&args, NULL, status, &err);
}
