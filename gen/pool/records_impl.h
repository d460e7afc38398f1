/* Inside of reading records (gen/pool/records.h): each form in which they come has a file (records_json.c, records_table.c,
 * records_tags.c, delimited.c), whose values records_list.c turns into a list; records_names.c tells what a name says. */
#ifndef SG_GEN_POOL_RECORDS_IMPL_H
#define SG_GEN_POOL_RECORDS_IMPL_H

#include "gen/pool/records.h"

enum { SG_MAX_RECORDS = 200, SG_MAX_DEPTH = 6, SG_MAX_KEY = 60 };

/* ---- records_names.c ---- */

/* What a member is by its name. */
enum sg_role {
    SG_ROLE_OTHER,
    SG_ROLE_FIRST,
    SG_ROLE_SECOND,
    SG_ROLE_TEXT,
    SG_ROLE_LABEL,
    SG_ROLE_MAYBE_LABEL,
    SG_ROLE_PROBABILITY,
    SG_ROLE_ABOUT /* it tells about the example: reasons, titles, numbers */
};
enum sg_role sg_role_of(const struct sg_task *t, const char *name);

/* A name as it is compared: small letters and digits. Then without numbers at its end ("Review_1" is "review"). */
void sg_key_of(const char *s, char out[SG_MAX_KEY]);
void sg_key_without_number(char *key);

/* ---- records_list.c ---- */

/* From any JSON to an array of records (json_decref); NULL without memory. */
json_t *sg_records_of(const struct sg_task *t, const json_t *value);

/* ---- one for each form: as sg_records_read; NULL: it is not this form ---- */

json_t *sg_records_from_json(const struct sg_task *t, const char *s, int *broken);
json_t *sg_records_from_table(const char *s); /* Markdown's */
json_t *sg_records_from_tags(const struct sg_task *t, const char *s);

#endif
