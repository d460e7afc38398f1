#include "results/export/export.h"

#include "base/mem.h"
#include "results/export/card.h"
#include "results/export/croissant.h"
#include "results/export/tables.h"
#include "results/export/words.h"
#include "results/h5/store_open.h"

#include <stdio.h>
#include <string.h>

/* What a format is made of. */
struct parts {
    const struct sg_export_options *o;
    hid_t file;
    const char *path;
    struct sg_export_origin from;
    struct sg_export_table table[SG_N_TABLES];
    struct sg_export_pools pools;
    struct sg_out out;
};

struct sg_export_format {
    const char *name;
    int takes_table, takes_license, takes_publisher; /* which options it has a use for */
    sg_status (*write)(struct parts *p, char **missing, struct sg_err *err);
};

static sg_status tables(struct parts *p, const char *prefix, struct sg_err *err)
{
    struct sg_buf title = sg_buf_make(1 << 20);
    sg_buf_puts(&title, "# The tables of results.h5\n\n");
    sg_card_origin(&title, &p->from);
    sg_status status = sg_buf_check(&title, "README.md", err);
    if (status == SG_OK)
        status = sg_export_tables(&p->out, p->file, p->path, p->table, prefix, &title, err);
    sg_buf_free(&title);
    return status;
}

static sg_status one_table(struct parts *p, struct sg_err *err)
{
    char names[1000] = "";
    size_t n = 0;
    for (int i = 0; i < SG_N_TABLES; i++) {
        if (p->table[i].n_rows && strcmp(sg_store_tables[i].name, p->o->table) == 0)
            return sg_export_table(&p->out, p->file, p->path, i, &p->table[i], sg_store_tables[i].name, err);
        if (p->table[i].n_rows && n < sizeof names)
            n +=
                (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", sg_store_tables[i].name);
    }
    return sg_fail(err, SG_INPUT, "--table %.60s: the study has no rows of it; hint: one of %s", p->o->table,
                   names);
}

static sg_status write_csv(struct parts *p, char **missing, struct sg_err *err)
{
    (void)missing;
    return p->o->table ? one_table(p, err) : tables(p, "", err);
}

static sg_status write_hf(struct parts *p, char **missing, struct sg_err *err)
{
    struct sg_buf card = sg_buf_make(1 << 28);
    (void)missing;
    sg_status status = sg_export_pools_read(p->file, p->path, &p->pools, err);
    if (status == SG_OK)
        status = sg_export_pools_write(&p->out, p->file, p->path, &p->pools, err);
    if (status == SG_OK)
        status = sg_card_write(&card, &p->from, p->o, &p->pools, err);
    if (status == SG_OK)
        status = sg_out_text(&p->out, "README.md", &card, err);
    sg_buf_free(&card);
    return status;
}

static sg_status write_croissant(struct parts *p, char **missing, struct sg_err *err)
{
    const struct sg_export_options *o = p->o;
    SG_TRY(write_hf(p, missing, err));
    SG_TRY(tables(p, "tables/", err));
    SG_TRY(sg_croissant_write(&p->out, &p->from, o, p->table, "tables/", &p->pools, err));
    if (o->license && o->creator && o->url)
        return SG_OK;
    *missing =
        sg_strf("croissant.json does not say who has made the data set, where it is, or under which "
                "licence, which Croissant asks for; hint: before it is published, name%s%s%s",
                o->creator ? "" : " --creator", o->url ? "" : " --url", o->license ? "" : " --license");
    return *missing ? SG_OK : sg_fail_memory(err, 300);
}

static const struct sg_export_format formats[] = {
    {"csv", 1, 0, 0, write_csv}, {"hf", 0, 1, 0, write_hf}, {"croissant", 0, 1, 1, write_croissant}};
enum { N_FORMATS = sizeof formats / sizeof *formats };

const struct sg_export_format *sg_export_format_of(const char *name)
{
    for (int i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

void sg_export_format_names(char *out, size_t n_bytes)
{
    size_t n = 0;
    for (int i = 0; i < N_FORMATS && n < n_bytes; i++)
        n += (size_t)snprintf(out + n, n_bytes - n, "%s%s", i ? ", " : "", formats[i].name);
}

static sg_status check(const struct sg_export_options *o, struct sg_err *err)
{
    const struct sg_export_format *f = o->format;
    const struct {
        const char *option, *value;
        int is_taken;
    } given[] = {{"table", o->table, f->takes_table},
                 {"license", o->license, f->takes_license},
                 {"creator", o->creator, f->takes_publisher},
                 {"url", o->url, f->takes_publisher}};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i].value && !given[i].is_taken)
            return sg_fail(err, SG_INPUT, "--format %s has no use for --%s", f->name, given[i].option);
    if (o->url && strncmp(o->url, "https://", 8) != 0 && strncmp(o->url, "http://", 7) != 0)
        return sg_fail(err, SG_INPUT, "--url %.200s: no web address", o->url);
    return SG_OK;
}

/* An attribute of the root; "" where there is none. */
static sg_status attribute(const struct parts *p, const char *name, char **out, struct sg_err *err)
{
    if (H5Aexists(p->file, name) > 0)
        return sg_h5_get_text(p->file, name, out, p->path, err);
    *out = sg_strdup("");
    return *out ? SG_OK : sg_fail_memory(err, 1);
}

static sg_status read_origin(struct parts *p, struct sg_err *err)
{
    SG_TRY(attribute(p, "study", &p->from.study, err));
    SG_TRY(attribute(p, "program", &p->from.program, err));
    SG_TRY(attribute(p, "content_sha256", &p->from.digest, err));
    SG_TRY(attribute(p, "written", &p->from.written, err));
    return attribute(p, "rehearsal", &p->from.rehearsal, err);
}

static sg_status count_cell(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_export_origin *from = context;
    (void)at, (void)err;
    from->n_cells++;
    from->n_finished += strcmp(row[SG_CELLS_status].text, "planned") != 0;
    return SG_OK;
}

/* A run that ended at a limit leaves results.h5 whole, and cells planned. */
static sg_status look_whether_finished(struct parts *p, struct sg_err *err)
{
    SG_TRY(sg_h5_table_each(p->file, &sg_store_tables[SG_T_CELLS], p->path, count_cell, &p->from, err));
    p->from.is_unfinished |= p->from.n_finished < p->from.n_cells;
    return SG_OK;
}

/* Adds to what is to be said. */
static sg_status tell_unfinished(const struct parts *p, char **notes, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    if (!p->from.is_unfinished)
        return SG_OK;
    sg_card_unfinished(&b, &p->from);
    if (*notes)
        sg_buf_printf(&b, "\n%s", *notes);
    SG_TRY(sg_buf_check(&b, "what is to be said of an export", err));
    sg_free(*notes);
    *notes = sg_buf_take(&b);
    return SG_OK;
}

static void free_parts(struct parts *p)
{
    char *const text[] = {p->from.study, p->from.program, p->from.digest, p->from.written, p->from.rehearsal};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        sg_free(text[i]);
    sg_export_pools_free(&p->pools);
    if (p->file >= 0)
        H5Fclose(p->file);
}

sg_status sg_export(const struct sg_report_source *s, const struct sg_export_options *o, char **notes,
                    struct sg_err *err)
{
    struct parts p = {.o = o, .file = -1, .path = s->file};
    char *lacks = NULL;
    p.from.is_unfinished = s->is_unfinished;
    sg_status status = SG_OK;
    SG_TRY(check(o, err));
    SG_TRY_DONE(sg_store_open(s->file, &p.file, err));
    SG_TRY_DONE(read_origin(&p, err));
    SG_TRY_DONE(look_whether_finished(&p, err));
    SG_TRY_DONE(sg_export_tables_look(p.file, p.path, p.table, err));
    SG_TRY_DONE(sg_out_open(&p.out, o->output, o->table != NULL, err));
    status = sg_out_finish(&p.out, o->format->write(&p, &lacks, err), err);
    if (status == SG_OK)
        status = tell_unfinished(&p, &lacks, err);
done:
    free_parts(&p);
    if (status == SG_OK)
        *notes = lacks;
    else
        sg_free(lacks);
    return status;
}
