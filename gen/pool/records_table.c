#include "base/buf.h"
#include "base/mem.h"
#include "gen/pool/clean.h"
#include "gen/pool/records_impl.h"
#include "gen/pool/words.h"

#include <stdio.h>
#include <string.h>

enum { MAX_COLUMNS = 20 };

/* The cells of the line at s, trimmed, as new strings of an array; an empty array when it is no row. */
static json_t *cells_of(const char *s)
{
    json_t *cells = json_array();
    size_t end = strcspn(s, "\n");
    s += strspn(s, " ");
    if (*s != '|')
        return cells;
    const char *stop = s + strcspn(s, "\n");
    (void)end;
    for (s++; s < stop && json_array_size(cells) < MAX_COLUMNS;) {
        struct sg_buf b = sg_buf_make((size_t)1 << 20);
        for (; s < stop && *s != '|'; s++) {
            if (*s == '\\' && s + 1 < stop && s[1] == '|')
                s++;
            sg_buf_add(&b, s, 1);
        }
        char *cell = sg_buf_take(&b);
        if (cell) {
            sg_squeeze(cell);
            if (s < stop || *cell)
                json_array_append_new(cells, json_string(*cell == ' ' ? cell + 1 : cell));
        }
        sg_free(cell);
        s++;
    }
    return cells;
}

static int is_rule(const char *s)
{
    size_t n = strcspn(s, "\n"), dashes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!strchr("|-: ", s[i]))
            return 0;
        dashes += s[i] == '-';
    }
    return dashes >= 2;
}

/* A row as a record; without names of columns they are numbers. Takes cells. */
static json_t *row_record(json_t *cells, const json_t *names)
{
    json_t *record = json_object();
    for (size_t i = 0; i < json_array_size(cells); i++) {
        char number[24];
        snprintf(number, sizeof number, "#%c", (char)('a' + (int)i));
        const char *name = json_string_value(json_array_get(names, i));
        name = name && *name && !json_object_get(record, name) ? name : number;
        json_object_set(record, name, json_array_get(cells, i));
    }
    json_decref(cells);
    return record;
}

json_t *sg_records_from_table(const char *s)
{
    json_t *records = NULL, *names = NULL;
    for (; *s; s = sg_next_line(s)) {
        if (s[strspn(s, " ")] != '|') {
            if (records)
                break; /* the first table alone */
            continue;
        }
        if (is_rule(s))
            continue;
        json_t *cells = cells_of(s);
        if (!records && json_array_size(cells) < 2 && !is_rule(sg_next_line(s))) {
            json_decref(cells);
            break;
        }
        records = records ? records : json_array();
        if (!names && is_rule(sg_next_line(s)))
            names = cells;
        else if (json_array_size(records) < SG_MAX_RECORDS)
            json_array_append_new(records, row_record(cells, names));
        else
            json_decref(cells);
    }
    json_decref(names);
    return records;
}
