/* --fields and --quotes: how train, predict and tokenize read rows; and what they say of a file. */
#ifndef SG_CLI_ROW_OPTIONS_H
#define SG_CLI_ROW_OPTIONS_H

#include "base/rows.h"

struct sg_row_options {
    const char *fields_text, *quotes_text; /* as given; NULL: not */
    struct sg_fields fields;
    char *names; /* what `fields` points into */
};

/* The two rows of a command's table of options. */
#define SG_ROW_OPTIONS(o)                                                                                    \
    {"fields", SG_OPT_TEXT, "NAMES",                                                                         \
     "columns: first=NAME,second=NAME,label=NAME, or some of them (docs/data.md: which are found)",          \
     .text = &(o)->fields_text},                                                                             \
    {                                                                                                        \
        "quotes", SG_OPT_TEXT, "KIND", "in tables: csv, plain (characters of the texts), auto (default)",    \
            .text = &(o)->quotes_text                                                                        \
    }

/* Reads what was given. */
sg_status sg_row_options_parse(struct sg_row_options *o, struct sg_err *err) SG_MUST_USE;
void sg_row_options_free(struct sg_row_options *o);

/* "synthgrid: warning: ..." for each note. */
void sg_rows_tell(const struct sg_rows *rows);

#endif
