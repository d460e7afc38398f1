/* LaTeX: a tabular with booktabs' rules a file, and report.tex, which shows all of them and compiles as it is. Everything is ASCII, so that any
 * engine and encoding takes it. */
#include "results/report/form.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

static const size_t LATEX_MAX = (size_t)1 << 28;

/* A tabular does not break over pages; a text of a cell does not break over lines. */
enum { MAX_ROWS = 45, MAX_TEXT = 80 };

static const struct {
    uint32_t c;
    const char *words;
} known[] = {{'\\', "\\textbackslash{}"},
             {'{', "\\{"},
             {'}', "\\}"},
             {'$', "\\$"},
             {'&', "\\&"},
             {'#', "\\#"},
             {'_', "\\_"},
             {'%', "\\%"},
             {'^', "\\textasciicircum{}"},
             {'~', "\\textasciitilde{}"},
             {'<', "\\ensuremath{<}"},
             {'>', "\\ensuremath{>}"},
             {'|', "\\ensuremath{|}"},
             {'"', "''{}"},
             {'-', "-{}"},
             {'`', "`{}"},
             {'\'', "'{}"},
             {'?', "?{}"},
             {'!', "!{}"},
             {'*', "{*}"},
             {'[', "{[}"},
             {']', "{]}"},
             {0xa0, "~"},
             {0xa7, "\\S{}"},
             {0xa9, "\\copyright{}"},
             {0xb0, "\\ensuremath{^\\circ}"},
             {0xb1, "\\ensuremath{\\pm}"},
             {0xb5, "\\ensuremath{\\mu}"},
             {0xb7, "\\ensuremath{\\cdot}"},
             {0xd7, "\\ensuremath{\\times}"},
             {0xc6, "\\AE{}"},
             {0xe6, "\\ae{}"},
             {0xd8, "\\O{}"},
             {0xf8, "\\o{}"},
             {0xdf, "\\ss{}"},
             {0x131, "\\i{}"},
             {0x141, "\\L{}"},
             {0x142, "\\l{}"},
             {0x152, "\\OE{}"},
             {0x153, "\\oe{}"},
             {0x2013, "--"},
             {0x2014, "---"},
             {0x2018, "`{}"},
             {0x2019, "'{}"},
             {0x201c, "``"},
             {0x201d, "''"},
             {0x2020, "\\dag{}"},
             {0x2022, "\\textbullet{}"},
             {0x2026, "\\ldots{}"},
             {0x2192, "\\ensuremath{\\rightarrow}"},
             {0x2212, "\\ensuremath{-}"},
             {0x2264, "\\ensuremath{\\leq}"},
             {0x2265, "\\ensuremath{\\geq}"}};

/* Accents that OT1, TeX's oldest encoding, can set over ASCII letters: combining character and command. */
static const struct {
    int32_t c;
    const char *command;
} accent[] = {{0x300, "`"}, {0x301, "'"},  {0x302, "^"}, {0x303, "~"}, {0x304, "="}, {0x306, "u"},
              {0x307, "."}, {0x308, "\""}, {0x30a, "r"}, {0x30b, "H"}, {0x30c, "v"}, {0x327, "c"}};

static int add_accented(struct sg_buf *out, uint32_t c)
{
    utf8proc_int32_t part[8];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, part, 8, UTF8PROC_DECOMPOSE, &boundary);
    if (n != 2 || part[0] < 'A' || part[0] > 'z')
        return 0;
    for (size_t i = 0; i < sizeof accent / sizeof *accent; i++)
        if (accent[i].c == part[1]) {
            sg_buf_printf(out, "\\%s{%c}", accent[i].command, (int)part[0]);
            return 1;
        }
    return 0;
}

/* What no old font has stands as its number: [U+4E2D]. */
static void add(struct sg_buf *out, const char *text, size_t max_chars)
{
    struct sg_buf safe = sg_buf_make(LATEX_MAX);
    sg_form_text(&safe, text, max_chars, NULL, 0);
    const char *s = sg_buf_text(&safe);
    for (size_t i = 0, n = strlen(s), len; i < n; i += len) {
        uint32_t c;
        const char *words = NULL;
        len = (size_t)sg_utf8_decode(s + i, n - i, &c);
        for (size_t k = 0; k < sizeof known / sizeof *known && !words; k++)
            words = known[k].c == c ? known[k].words : NULL;
        if (words)
            sg_buf_puts(out, words);
        else if (c < 0x80)
            sg_buf_add(out, s + i, 1);
        else if (!add_accented(out, c))
            sg_buf_printf(out, "{[}U+%04X{]}", (unsigned)c);
    }
    if (safe.failed)
        out->failed = safe.failed;
    sg_buf_free(&safe);
}

static void line(struct sg_buf *out, const char *before, const char *text, const char *behind)
{
    sg_buf_puts(out, before);
    add(out, text, 0);
    sg_buf_puts(out, behind);
}

/* Rows from `from` on, at most so many, as a file that can stand in any document. */
static void draw_tabular(const struct sg_doc_table *t, int64_t from, int64_t most, struct sg_buf *out)
{
    int64_t to = most < t->n_rows - from ? from + most : t->n_rows;
    line(out, "% ", t->title, "\n\\begin{tabular}{");
    for (int64_t c = 0; c < t->n_columns; c++)
        sg_buf_puts(out, t->column[c].type == SG_DOC_NUMBER ? "r" : "l");
    sg_buf_puts(out, "}\n\\toprule\n");
    for (int64_t c = 0; c < t->n_columns; c++) {
        struct sg_buf head = sg_buf_make(LATEX_MAX);
        sg_form_head(&head, t, c, NULL, 0);
        line(out, c ? " & " : "", sg_buf_text(&head), "");
        sg_buf_free(&head);
    }
    sg_buf_puts(out, " \\\\\n\\midrule\n");
    for (int64_t i = from * t->n_columns; i < to * t->n_columns; i++) {
        sg_buf_puts(out, i % t->n_columns ? " & " : "");
        add(out, t->cell[i].text, MAX_TEXT);
        sg_buf_puts(out, (i + 1) % t->n_columns ? "" : " \\\\\n");
    }
    sg_buf_puts(out, "\\bottomrule\n\\end{tabular}\n");
}

static const char preamble[] =
    "\\documentclass[a4paper]{article}\n"
    "\\usepackage[margin=2cm]{geometry}\n"
    "\\usepackage{graphicx}\n"
    "\\IfFileExists{booktabs.sty}{\\usepackage{booktabs}}%\n"
    "  {\\let\\toprule\\hline\\let\\midrule\\hline\\let\\bottomrule\\hline}\n"
    "\\setlength\\parindent{0pt}\\setlength\\parskip{4pt plus 2pt}\\emergencystretch=3em\n"
    "\\newsavebox\\sgbox\n"
    "% A table of its own size, or made as narrow as the page.\n"
    "\\newcommand\\sgtable[1]{\\sbox\\sgbox{\\footnotesize\\input{#1}}\\par\\medskip\n"
    "  "
    "\\ifdim\\wd\\sgbox>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox\\sgbox}"
    "\\else\\usebox\\sgbox\\fi\\par\\medskip}\n"
    "\\begin{document}\n";

static sg_status draw_table(const struct sg_doc_table *t, const struct sg_form_output *out,
                            struct sg_buf *report, struct sg_err *err)
{
    line(report, "\\textbf{", t->title, "}\n");
    if (t->flags & SG_DOC_BROWSE) {
        sg_buf_printf(report, "\n%lld rows, which \\texttt{report -{}-format csv} writes.\n\n",
                      (long long)t->n_rows);
        return SG_OK;
    }
    for (int64_t from = 0, part = 1; from == 0 || from < t->n_rows; from += MAX_ROWS, part++) {
        struct sg_buf text = sg_buf_make(LATEX_MAX);
        char name[160], number[32] = "";
        if (part > 1)
            snprintf(number, sizeof number, "-part%lld", (long long)part);
        snprintf(name, sizeof name, "table-%.100s%s.tex", t->name, number);
        draw_tabular(t, from, MAX_ROWS, &text);
        sg_buf_printf(report, "\\sgtable{%s}\n", name);
        sg_status status = sg_buf_check(&text, name, err);
        if (status == SG_OK)
            status = out->put(out->context, name, &text, err);
        sg_buf_free(&text);
        SG_TRY(status);
    }
    return SG_OK;
}

static sg_status draw_section(const struct sg_doc_section *s, const struct sg_form_output *out,
                              struct sg_buf *report, struct sg_err *err)
{
    line(report, "\\section*{", s->title, "}\n");
    for (int64_t i = 0; i < s->n_blocks; i++) {
        const struct sg_doc_block *b = &s->block[i];
        if (b->table)
            SG_TRY(draw_table(b->table, out, report, err));
        else if (b->figure)
            line(report, "\\emph{Figure of \\texttt{report -{}-format html}: ", b->figure->title, "}\n\n");
        else if (b->kind == SG_DOC_NOTE)
            line(report, "{\\small ", b->text, "\\par}\n");
        else
            line(report, "", b->text, "\n\n");
    }
    return SG_OK;
}

static sg_status draw_report(const struct sg_doc *doc, const struct sg_form_output *out,
                             struct sg_buf *report, struct sg_err *err)
{
    sg_buf_puts(report, preamble);
    line(report, "{\\Large ", doc->title, "}\\par\n");
    line(report, "", doc->subtitle, ".\n\n");
    for (int64_t i = 0; i < doc->n_warnings; i++)
        line(report, "\\textbf{", doc->warning[i], "}\n\n");
    for (int64_t s = 0; s < doc->n_sections; s++)
        SG_TRY(draw_section(&doc->section[s], out, report, err));
    sg_buf_puts(report, "\\end{document}\n");
    SG_TRY(sg_buf_check(report, "report.tex", err));
    return out->put(out->context, "report.tex", report, err);
}

sg_status sg_form_latex(const struct sg_doc *doc, const struct sg_report_data *d,
                        const struct sg_form_options *o, const struct sg_form_output *out, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(LATEX_MAX);
    const struct sg_doc_table *only = NULL;
    sg_status status;
    (void)d;
    if (!o->one_file)
        status = draw_report(doc, out, &text, err);
    else {
        SG_TRY(sg_form_only_table(doc, &only, err));
        if (only)
            draw_tabular(only, 0, only->n_rows, &text);
        else
            line(&text, "% ", doc->section[0].block[0].text, "\n");
        status = sg_buf_check(&text, "a table", err);
        if (status == SG_OK)
            status = out->put(out->context, "", &text, err);
    }
    sg_buf_free(&text);
    return status;
}
