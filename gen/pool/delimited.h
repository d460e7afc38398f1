/* Tables as CSV has them where a model was asked for texts: "text,label" and rows below it, or rows alone whose one field is the
 * name of a class (`"A dull film.",negative`). Fields are separated by commas or semicolons; quotes open and close them and are
 * doubled inside (RFC 4180). Local, pure. */
#ifndef SG_GEN_POOL_DELIMITED_H
#define SG_GEN_POOL_DELIMITED_H

#include "gen/pool/task.h"

#include <jansson.h>

/* An array of objects, one a row; a row that has not as many fields as the header is an empty one. NULL: s is no such table.
 * s: cleaned (gen/pool/clean.h). */
json_t *sg_delimited_read(const struct sg_task *t, const char *s);

/* What a column is by its name: a text of the task, something that stands beside texts (a label, a number), or unknown. */
enum sg_column_kind { SG_COLUMN_OTHER, SG_COLUMN_TEXT, SG_COLUMN_BESIDE };
enum sg_column_kind sg_column_kind_of(const struct sg_task *t, const char *name);

#endif
