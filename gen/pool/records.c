#include "gen/pool/delimited.h"
#include "gen/pool/records_impl.h"

#include <string.h>

static json_t *read_delimited(const struct sg_task *t, const char *s)
{
    json_t *rows = sg_delimited_read(t, s), *records = rows ? sg_records_of(t, rows) : NULL;
    json_decref(rows);
    return records;
}

json_t *sg_records_read(const struct sg_task *t, const char *s, int *broken)
{
    const char *sign = strpbrk(s, "{[|<");
    *broken = 0;
    if (!sign)
        return read_delimited(t, s);
    json_t *records = sg_records_from_json(t, s, broken);
    if (!records && !*broken && strchr(sign, '<'))
        records = sg_records_from_tags(t, s);
    if (!records && !*broken && strchr(sign, '|'))
        records = sg_records_from_table(s);
    if (!records && !*broken)
        records = read_delimited(t, s);
    return records;
}
