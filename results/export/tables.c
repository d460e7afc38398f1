#include "results/export/tables.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/export/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t ROW_MAX = (size_t)1 << 30;

sg_status sg_export_tables_look(hid_t file, const char *path, struct sg_export_table *table,
                                struct sg_err *err)
{
    for (int i = 0; i < SG_N_TABLES; i++) {
        const struct sg_h5_table_spec *spec = &sg_store_tables[i];
        table[i] = (struct sg_export_table){0};
        SG_TRY(sg_h5_table_count(file, spec, path, &table[i].n_rows, err));
        if (table[i].n_rows)
            SG_TRY(sg_h5_table_has(file, spec, path, table[i].has, err));
    }
    return SG_OK;
}

const char *sg_export_type_name(enum sg_column_type type)
{
    static const char *const name[] = {[SG_COL_TEXT] = "text",
                                       [SG_COL_INT] = "int64",
                                       [SG_COL_INT32] = "int32",
                                       [SG_COL_REAL] = "float64",
                                       [SG_COL_REAL32] = "float32"};
    return name[type];
}

/* Nine digits are enough for any float, and eight for most; %g leaves zeros at the end out. */
static void format_float(double x, char out[32])
{
    snprintf(out, 32, "%.8g", x);
    if (strtof(out, NULL) != (float)x)
        snprintf(out, 32, "%.9g", x);
}

struct writer {
    struct sg_out *o;
    const struct sg_h5_table_spec *spec;
    const struct sg_export_table *table;
    struct sg_buf row;
    int n; /* columns that are written */
};

static void add_value(struct writer *w, const struct sg_column *c, const union sg_value *v)
{
    char number[32] = "";
    if (c->type == SG_COL_TEXT) {
        /* A row of one empty field would be an empty line, which readers pass over. */
        sg_words_csv(&w->row, v->text, w->n == 1 && !v->text[0]);
        return;
    }
    if (c->type == SG_COL_INT || c->type == SG_COL_INT32)
        snprintf(number, sizeof number, "%lld", (long long)v->i);
    else if (c->type == SG_COL_REAL32 && !isnan(v->x))
        format_float(v->x, number);
    else if (!isnan(v->x))
        sg_format_double(v->x, number);
    sg_buf_puts(&w->row, number[0] || w->n > 1 ? number : "\"\"");
}

static sg_status add_row(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct writer *w = context;
    int n = 0;
    (void)at;
    sg_buf_clear(&w->row);
    for (int c = 0; c < w->spec->n_columns; c++)
        if (w->table->has[c]) {
            sg_buf_puts(&w->row, n++ ? "," : "");
            add_value(w, &w->spec->column[c], &row[c]);
        }
    sg_buf_puts(&w->row, "\r\n");
    SG_TRY(sg_buf_check(&w->row, "a row", err));
    sg_out_add(w->o, sg_buf_text(&w->row), w->row.len);
    return SG_OK;
}

sg_status sg_export_table(struct sg_out *o, hid_t file, const char *path, int at,
                          const struct sg_export_table *table, const char *name, struct sg_err *err)
{
    struct writer w = {.o = o, .spec = &sg_store_tables[at], .table = table, .row = sg_buf_make(ROW_MAX)};
    SG_TRY(sg_out_begin(o, name, err));
    for (int c = 0; c < w.spec->n_columns; c++)
        if (table->has[c]) {
            sg_out_puts(o, w.n++ ? "," : "");
            sg_out_puts(o, w.spec->column[c].name);
        }
    sg_out_puts(o, "\r\n");
    sg_status status = sg_h5_table_each(file, w.spec, path, add_row, &w, err);
    sg_buf_free(&w.row);
    SG_TRY(status);
    return sg_out_end(o, err);
}

static void add_columns(struct sg_buf *out, const struct sg_h5_table_spec *spec,
                        const struct sg_export_table *table)
{
    for (int c = 0; c < spec->n_columns; c++) {
        const struct sg_column *k = &spec->column[c];
        if (!table->has[c])
            continue;
        sg_buf_printf(out, "%s,%s,%s,", spec->name, k->name, sg_export_type_name(k->type));
        sg_words_csv(out, k->unit, 0);
        sg_buf_puts(out, ",");
        sg_words_csv(out, k->description, 0);
        sg_buf_printf(out, ",%d\r\n", k->is_volatile);
    }
}

static const char how_to_read[] =
    "\nOne row of `columns.csv` a column: table, column, type, unit, description, and `varies`, which is 1 "
    "where the column differs from run to run of the same study.\n\n"
    "- UTF-8, fields and line ends as RFC 4180 has them; the first line names the columns.\n"
    "- Numbers read back exactly: float64 in up to 17 digits, float32 in up to 9.\n"
    "- An empty field is a number that does not exist, or an empty text. -1 is \"does not apply\".\n"
    "- Texts were written by others and stand as they are. A spreadsheet computes a text that begins with "
    "=, +, - or @: import text columns as text.\n"
    "- Tables refer to one another by ordinals: `cell` to `cells.csv`, `pool` to `pools.csv`.\n";

sg_status sg_export_tables(struct sg_out *o, hid_t file, const char *path,
                           const struct sg_export_table *table, const char *prefix,
                           const struct sg_buf *title, struct sg_err *err)
{
    struct sg_buf columns = sg_buf_make(1 << 22), readme = sg_buf_make(1 << 22);
    char name[200];
    sg_status status = SG_OK;
    sg_buf_puts(&columns, "table,column,type,unit,description,varies\r\n");
    sg_buf_add(&readme, sg_buf_text(title), title->len);
    sg_buf_puts(&readme, "\n| file | rows | what it holds |\n|---|---:|---|\n");
    for (int i = 0; i < SG_N_TABLES && status == SG_OK; i++) {
        if (!table[i].n_rows)
            continue;
        snprintf(name, sizeof name, "%s%s.csv", prefix, sg_store_tables[i].name);
        status = sg_export_table(o, file, path, i, &table[i], name, err);
        add_columns(&columns, &sg_store_tables[i], &table[i]);
        sg_buf_printf(&readme, "| `%s.csv` | %lld | %s |\n", sg_store_tables[i].name,
                      (long long)table[i].n_rows, sg_store_tables[i].description);
    }
    for (int i = 0, n = 0; i < SG_N_TABLES; i++)
        if (!table[i].n_rows)
            sg_buf_printf(&readme, "%s`%s`",
                          n++ ? ", " : "\nWithout rows, and so without a file: ", sg_store_tables[i].name);
    sg_buf_puts(&readme, ".\n");
    sg_buf_puts(&readme, how_to_read);
    snprintf(name, sizeof name, "%scolumns.csv", prefix);
    if (status == SG_OK)
        status = sg_out_text(o, name, &columns, err);
    snprintf(name, sizeof name, "%sREADME.md", prefix);
    if (status == SG_OK)
        status = sg_out_text(o, name, &readme, err);
    sg_buf_free(&columns);
    sg_buf_free(&readme);
    return status;
}
