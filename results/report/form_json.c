/* One object: today's members for programs (results/report/report_json.h), and the sections that a person is shown. */
#include "base/json.h"
#include "results/report/form.h"
#include "results/report/report_json.h"

#include <stdlib.h>
#include <string.h>

static const size_t JSON_MAX = (size_t)1 << 30;

static json_t *texts(const struct sg_doc_section *s, enum sg_doc_kind a, enum sg_doc_kind b)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < s->n_blocks; i++)
        if (s->block[i].kind == a || s->block[i].kind == b)
            json_array_append_new(list, json_string(s->block[i].text));
    return list;
}

static json_t *cell_of(const struct sg_doc_cell *c, enum sg_doc_column_type type)
{
    if (type == SG_DOC_TEXT)
        return json_string(c->text);
    return json_pack("{s:o, s:o, s:o, s:s}", "value", sg_json_real(c->value), "low", sg_json_real(c->low),
                     "high", sg_json_real(c->high), "text", c->text);
}

static json_t *table_of(const struct sg_doc_table *t)
{
    json_t *columns = json_array(), *rows = json_array();
    for (int64_t c = 0; c < t->n_columns; c++)
        json_array_append_new(columns, json_pack("{s:s, s:s, s:s}", "name", t->column[c].name, "unit",
                                                 t->column[c].unit, "type",
                                                 t->column[c].type == SG_DOC_NUMBER ? "number" : "text"));
    for (int64_t r = 0; r < t->n_rows; r++) {
        json_t *row = json_array();
        for (int64_t c = 0; c < t->n_columns; c++)
            json_array_append_new(row, cell_of(&t->cell[r * t->n_columns + c], t->column[c].type));
        json_array_append_new(rows, row);
    }
    return json_pack("{s:s, s:s, s:o, s:o}", "name", t->name, "title", t->title, "columns", columns, "rows",
                     rows);
}

static json_t *figure_of(const struct sg_figure *f)
{
    static const char *const kind[] = {[SG_FIGURE_LINES] = "lines",
                                       [SG_FIGURE_POINTS] = "points",
                                       [SG_FIGURE_BARS] = "bars",
                                       [SG_FIGURE_MATRIX] = "matrix",
                                       [SG_FIGURE_SPANS] = "spans"};
    json_t *points = json_array();
    for (int64_t i = 0; i < f->n_points; i++) {
        const struct sg_figure_point *p = &f->point[i];
        json_array_append_new(points,
                              json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "series", f->series[p->series],
                                        "label", p->label, "x", sg_json_real(p->x), "y", sg_json_real(p->y),
                                        "low", sg_json_real(p->low), "high", sg_json_real(p->high)));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "name", f->name, "title", f->title, "kind",
                     kind[f->kind], "x", f->x_label, "y", f->y_label, "log_x", f->log_x, "zero_line",
                     sg_json_real(f->zero_line), "points", points);
}

static json_t *section_of(const struct sg_doc_section *s)
{
    json_t *tables = json_array(), *figures = json_array();
    for (int64_t i = 0; i < s->n_blocks; i++) {
        if (s->block[i].table)
            json_array_append_new(tables, table_of(s->block[i].table));
        if (s->block[i].figure)
            json_array_append_new(figures, figure_of(s->block[i].figure));
    }
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "name", s->name, "title", s->title, "is_answer",
                     s->is_answer, "sentences", texts(s, SG_DOC_SENTENCE, SG_DOC_SENTENCE), "notes",
                     texts(s, SG_DOC_PARAGRAPH, SG_DOC_NOTE), "tables", tables, "figures", figures);
}

static void add_document(json_t *o, const struct sg_doc *doc)
{
    json_t *warnings = json_array(), *sections = json_array();
    for (int64_t i = 0; i < doc->n_warnings; i++)
        json_array_append_new(warnings, json_string(doc->warning[i]));
    for (int64_t s = 0; s < doc->n_sections; s++)
        json_array_append_new(sections, section_of(&doc->section[s]));
    json_object_set_new(o, "title", json_string(doc->title));
    json_object_set_new(o, "subtitle", json_string(doc->subtitle));
    json_object_set_new(o, "warnings", warnings);
    json_object_set_new(o, "sections", sections);
}

sg_status sg_form_json(const struct sg_doc *doc, const struct sg_report_data *d,
                       const struct sg_form_options *o, const struct sg_form_output *out, struct sg_err *err)
{
    json_t *object = NULL;
    struct sg_buf text = sg_buf_make(JSON_MAX);
    (void)o;
    SG_TRY(sg_report_json(d, &object, err));
    add_document(object, doc);
    char *dumped = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(object);
    if (dumped) {
        sg_buf_puts(&text, dumped);
        sg_buf_puts(&text, "\n");
    } else
        text.failed = 1;
    free(dumped); /* jansson's own heap */
    sg_status status = sg_buf_check(&text, "the report", err);
    if (status == SG_OK)
        status = out->put(out->context, "", &text, err);
    sg_buf_free(&text);
    return status;
}
