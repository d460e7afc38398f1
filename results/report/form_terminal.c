#include "results/report/answer.h"
#include "results/report/form.h"
#include "results/report/terminal_table.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const size_t TERMINAL_MAX = (size_t)1 << 28;

/* As wide as a page of text, and no narrower than a number with its interval. */
enum { WIDTH = 100, LEAST_WIDTH = 40 };

struct terminal {
    const struct sg_doc *doc;
    const struct sg_form_options *o;
    struct sg_buf *out;
    size_t width;
    int is_full; /* everything, not answers and main tables alone */
};

enum style { PLAIN, BOLD, DIM };

static void style(const struct terminal *t, enum style s)
{
    static const char *const code[] = {"\x1b[0m", "\x1b[1m", "\x1b[2m"};
    if (t->o->colour)
        sg_buf_puts(t->out, code[s]);
}

/* Wrapped lines, each behind `indent`; the first one behind `first`. */
static void say(const struct terminal *t, enum style s, const char *first, const char *indent,
                const char *text)
{
    struct sg_buf safe = sg_buf_make(TERMINAL_MAX);
    sg_form_text(&safe, text, 0, NULL, 0);
    const char *at = sg_buf_text(&safe), *next;
    size_t room = t->width - strlen(indent);
    if (s != PLAIN)
        style(t, s);
    for (int line = 0; *at; at = next, line++) {
        size_t n = sg_terminal_line(at, room, &next);
        sg_buf_puts(t->out, line ? indent : first);
        sg_buf_add(t->out, at, n);
        sg_buf_puts(t->out, *next ? "\n" : "");
    }
    if (s != PLAIN)
        style(t, PLAIN);
    sg_buf_puts(t->out, "\n");
    if (safe.failed)
        t->out->failed = safe.failed;
    sg_buf_free(&safe);
}

static void blank(const struct terminal *t)
{
    sg_buf_puts(t->out, "\n");
}

static void head(const struct terminal *t)
{
    struct sg_buf line = sg_buf_make(TERMINAL_MAX);
    sg_buf_printf(&line, "%s: %s", t->doc->title, t->doc->subtitle);
    say(t, BOLD, "", "  ", sg_buf_text(&line));
    sg_buf_free(&line);
    for (int64_t i = 0; i < t->doc->n_warnings; i++)
        say(t, BOLD, "", "  ", t->doc->warning[i]);
}

static int is_shown(const struct terminal *t, const struct sg_doc_block *b)
{
    if (b->kind == SG_DOC_TABLE)
        return t->is_full || (b->table->flags & SG_DOC_BRIEF);
    return t->is_full;
}

/* Whether a paragraph or note is: as the table before it, or for what stands before a table, as that one. */
static int is_text_shown(const struct terminal *t, const struct sg_doc_section *s, int64_t at)
{
    int step = s->block[at].kind == SG_DOC_NOTE ? -1 : 1;
    if (t->is_full)
        return 1;
    for (int64_t i = at; i >= 0 && i < s->n_blocks; i += step)
        if (s->block[i].kind == SG_DOC_TABLE || s->block[i].kind == SG_DOC_FIGURE)
            return is_shown(t, &s->block[i]);
    return 0;
}

static void draw_table(const struct terminal *t, const struct sg_doc_section *s, const struct sg_doc_table *x)
{
    char text[200];
    if (strcmp(x->title, s->title) != 0)
        say(t, BOLD, "", "  ", x->title);
    if (x->flags & SG_DOC_BROWSE) {
        snprintf(text, sizeof text, "%lld rows: --format html has them to browse, --format csv as a table.",
                 (long long)x->n_rows);
        say(t, PLAIN, "  ", "  ", text);
    } else
        sg_terminal_table(x, t->width, t->out);
}

static void draw_figure(const struct terminal *t, const struct sg_figure *f)
{
    struct sg_buf line = sg_buf_make(TERMINAL_MAX);
    sg_buf_printf(&line, "Figure of --format html: %s", f->title);
    say(t, DIM, "  ", "  ", sg_buf_text(&line));
    sg_buf_free(&line);
}

/* Blocks of a kind follow each other closely; a table is a paragraph of its own. */
static void draw_section(const struct terminal *t, const struct sg_doc_section *s)
{
    int any = 0;
    enum sg_doc_kind before = SG_DOC_SENTENCE;
    for (int64_t i = 0; i < s->n_blocks; i++) {
        const struct sg_doc_block *b = &s->block[i];
        int is_text = b->kind == SG_DOC_PARAGRAPH || b->kind == SG_DOC_NOTE;
        if (is_text ? !is_text_shown(t, s, i) : !is_shown(t, b))
            continue;
        if (!any) {
            blank(t);
            say(t, BOLD, "", "  ", s->title);
        }
        if (!any || b->kind != before || b->kind == SG_DOC_TABLE)
            blank(t);
        any = 1;
        before = b->kind;
        if (b->kind == SG_DOC_TABLE)
            draw_table(t, s, b->table);
        else if (b->kind == SG_DOC_FIGURE)
            draw_figure(t, b->figure);
        else
            say(t, b->kind == SG_DOC_NOTE ? DIM : PLAIN, b->kind == SG_DOC_NOTE ? "  " : "",
                b->kind == SG_DOC_NOTE ? "  " : "", b->text);
    }
}

/* All that the study answers, a paragraph a question. */
static void draw_answers(const struct terminal *t)
{
    for (int64_t s = 0; s < t->doc->n_sections; s++) {
        const struct sg_doc_section *x = &t->doc->section[s];
        int n = 0;
        for (int64_t i = 0; i < x->n_blocks && x->is_answer; i++) {
            if (x->block[i].kind != SG_DOC_SENTENCE)
                continue;
            if (!n++) {
                blank(t);
                say(t, BOLD, "", "  ", x->title);
            }
            say(t, PLAIN, "  ", "    ", x->block[i].text);
        }
    }
}

/* The first sentence of an answer, up to its first full stop. */
static const char *first_sentence(const struct sg_doc_section *x, char *text, size_t n)
{
    for (int64_t i = 0; i < x->n_blocks; i++)
        if (x->block[i].kind == SG_DOC_SENTENCE) {
            const char *end = strstr(x->block[i].text, ". ");
            snprintf(text, n, "- %.*s", end ? (int)(end - x->block[i].text + 1) : (int)n, x->block[i].text);
            sg_text_whole(text);
            return text;
        }
    return NULL;
}

/* What a run ends with: the questions that every study asks, then others that it has told. */
static void draw_brief(const struct terminal *t)
{
    static const char *const always[] = {"help", "replace", "method", "classifier"};
    enum { MOST = 5, N_ALWAYS = sizeof always / sizeof *always };
    char text[1000];
    int n = 0;
    for (int64_t s = 0; s < t->doc->n_sections; s++)
        if (strcmp(t->doc->section[s].name, "short") == 0)
            draw_section(t, &t->doc->section[s]);
    blank(t);
    for (int pass = 0; pass < 2; pass++)
        for (int64_t s = 0; s < t->doc->n_sections && n < MOST; s++) {
            const struct sg_doc_section *x = &t->doc->section[s];
            int is_first = 0;
            for (int k = 0; k < N_ALWAYS; k++)
                is_first |= strcmp(x->name, always[k]) == 0;
            if (!x->is_answer || is_first != (pass == 0) || !first_sentence(x, text, sizeof text) ||
                (pass && strstr(text, SG_CANNOT)))
                continue;
            say(t, PLAIN, "", "  ", text);
            n++;
        }
}

static void draw_more(const struct terminal *t)
{
    struct sg_buf line = sg_buf_make(TERMINAL_MAX);
    sg_buf_puts(&line, "More: --all, or --section NAME of");
    for (int64_t s = 0; s < t->doc->n_sections; s++)
        sg_buf_printf(&line, "%s %s", s ? "," : "", t->doc->section[s].name);
    blank(t);
    say(t, DIM, "", "  ", sg_buf_text(&line));
    sg_buf_free(&line);
}

sg_status sg_form_terminal(const struct sg_doc *doc, const struct sg_report_data *d,
                           const struct sg_form_options *o, const struct sg_form_output *out,
                           struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(TERMINAL_MAX);
    int width = o->width <= 0 ? WIDTH : o->width < LEAST_WIDTH ? LEAST_WIDTH : o->width;
    struct terminal t = {
        .doc = doc, .o = o, .out = &text, .width = (size_t)width, .is_full = o->all || o->section};
    (void)d;
    head(&t);
    if (o->brief)
        draw_brief(&t);
    else if (!t.is_full)
        draw_answers(&t);
    for (int64_t s = 0; s < doc->n_sections && !o->brief; s++)
        if (t.is_full || !doc->section[s].is_answer)
            draw_section(&t, &doc->section[s]);
    if (!t.is_full && !o->brief)
        draw_more(&t);
    sg_status status = sg_buf_check(&text, "the report", err);
    if (status == SG_OK)
        status = out->put(out->context, "", &text, err);
    sg_buf_free(&text);
    return status;
}
