#include "cli/row_options.h"

#include "base/mem.h"
#include "base/tell.h"
#include "cli/common.h"

#include <stdio.h>
#include <string.h>

sg_status sg_row_options_parse(struct sg_row_options *o, struct sg_err *err)
{
    if (o->fields_text && sg_fields_parse(o->fields_text, &o->fields, &o->names, err) != SG_OK)
        return sg_err_at(err, "--fields");
    if (!o->quotes_text)
        return SG_OK;
    for (int q = 0; q < SG_N_QUOTES; q++)
        if (strcmp(o->quotes_text, sg_quotes_name((enum sg_quotes)q)) == 0) {
            o->fields.quotes = (enum sg_quotes)q;
            return SG_OK;
        }
    return sg_fail(err, SG_INPUT, "--quotes %.100s: must be csv, plain or auto", o->quotes_text);
}

void sg_row_options_free(struct sg_row_options *o)
{
    sg_free(o->names);
    o->names = NULL;
}

void sg_rows_tell(const struct sg_rows *rows)
{
    for (const char *s = rows->notes; s && *s; s += strcspn(s, "\n"), s += *s == '\n')
        sg_tell_warning("%.*s", (int)strcspn(s, "\n"), s);
}
