#include "results/report/terminal_table.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/report/form.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <utf8proc.h>

static const size_t TABLE_MAX = (size_t)1 << 28;

/* Blanks before the first column and between two; a text is cut after MAX_TEXT characters, and a column of texts is not made narrower than
 * LEAST. */
enum { INDENT = 2, GAP = 2, MAX_TEXT = 160, LEAST = 16 };

static size_t character_width(const char *s, size_t n, size_t *bytes)
{
    uint32_t c;
    *bytes = (size_t)sg_utf8_decode(s, n, &c);
    int w = utf8proc_charwidth((utf8proc_int32_t)c);
    return w > 0 ? (size_t)w : 0;
}

size_t sg_terminal_width(const char *text)
{
    size_t n = strlen(text), width = 0, bytes;
    for (size_t i = 0; i < n; i += bytes)
        width += character_width(text + i, n - i, &bytes);
    return width;
}

/* A line may end behind a hyphen inside a word. */
static int ends_at_hyphen(const char *text, size_t i)
{
    return text[i] == '-' && i && isalnum((unsigned char)text[i - 1]) && isalnum((unsigned char)text[i + 1]);
}

size_t sg_terminal_line(const char *text, size_t width, const char **next)
{
    size_t n = strlen(text), used = 0, end = 0, i = 0, bytes;
    for (; i < n; i += bytes) {
        used += character_width(text + i, n - i, &bytes);
        if (used > width && i)
            break;
        if (text[i] == ' ' || ends_at_hyphen(text, i))
            end = i + (text[i] != ' ');
    }
    if (i < n && text[i] != ' ' && end)
        i = end;
    const char *rest = text + i;
    *next = rest + strspn(rest, " ");
    return i;
}

struct column {
    const char **text; /* (n_rows + 1): the head, then the cells */
    size_t width;      /* of the column */
    size_t cells;      /* of the widest cell, without the head */
    size_t head_word;  /* of the longest word of the head */
    size_t cell_word;  /* and of the cells, where they are texts */
    size_t mark;       /* of the widest mark behind a number, with its blank */
    int is_text;
};

struct layout {
    const struct sg_doc_table *t;
    struct column *column;
    const char **memory;
    struct sg_buf texts;
    struct sg_buf *out;
};

static size_t longest_word(const char *text)
{
    size_t longest = 0;
    for (const char *s = text; *s; s += strspn(s, " ")) {
        char word[64];
        size_t n = strcspn(s, " "), m = n < sizeof word ? n : sizeof word - 1;
        memcpy(word, s, m);
        word[m] = 0;
        sg_text_whole(word);
        size_t width = sg_terminal_width(word);
        longest = width > longest ? width : longest;
        s += n;
    }
    return longest;
}

static void free_layout(struct layout *l)
{
    sg_free(l->column);
    sg_free(l->memory);
    sg_buf_free(&l->texts);
}

/* All texts of the table, made harmless, one behind the other, each ended by NUL. */
static int fill_texts(struct layout *l)
{
    const struct sg_doc_table *t = l->t;
    for (int64_t c = 0; c < t->n_columns; c++)
        for (int64_t r = -1; r < t->n_rows; r++) {
            if (r >= 0)
                sg_form_text(&l->texts, t->cell[r * t->n_columns + c].text, MAX_TEXT, NULL, 0);
            else
                sg_form_head(&l->texts, t, c, NULL, 0);
            sg_buf_add(&l->texts, "", 1);
        }
    return !l->texts.failed;
}

/* The width of a cell's mark and the blank before it. A mark is ours: no character of it is changed by sg_form_text. */
static size_t mark_width(const struct sg_doc_cell *cell)
{
    return cell->mark_at >= 0 ? sg_terminal_width(cell->text + cell->mark_at) : 0;
}

/* "2 of 3 done" stands in a column of numbers, but is none. */
static int is_words(const struct sg_doc_cell *cell)
{
    return isnan(cell->value) && strcmp(cell->text, "-") != 0 && cell->mark_at < 0;
}

static void measure(struct layout *l)
{
    const struct sg_doc_table *t = l->t;
    const char *at = l->texts.data;
    for (int64_t c = 0; c < t->n_columns; c++) {
        struct column *x = &l->column[c];
        size_t numbers = 0;
        x->is_text = t->column[c].type == SG_DOC_TEXT;
        x->text = l->memory + c * (t->n_rows + 1);
        for (int64_t r = 0; r <= t->n_rows; r++, at += strlen(at) + 1) {
            const struct sg_doc_cell *cell = r ? &t->cell[(r - 1) * t->n_columns + c] : NULL;
            size_t width = sg_terminal_width(at), mark = cell ? mark_width(cell) : 0;
            x->text[r] = at;
            if (cell && x->is_text) {
                size_t word = longest_word(at);
                x->cell_word = word > x->cell_word ? word : x->cell_word;
            }
            if (cell && (x->is_text || is_words(cell)))
                x->cells = width > x->cells ? width : x->cells;
            else if (cell)
                numbers = width - mark > numbers ? width - mark : numbers;
            x->mark = mark > x->mark ? mark : x->mark;
        }
        if (numbers + x->mark > x->cells)
            x->cells = numbers + x->mark;
        x->head_word = longest_word(x->text[0]);
        size_t head = sg_terminal_width(x->text[0]);
        x->width = head > x->cells ? head : x->cells;
    }
}

static size_t total(const struct layout *l)
{
    size_t sum = INDENT;
    for (int64_t c = 0; c < l->t->n_columns; c++)
        sum += l->column[c].width + (c ? GAP : 0);
    return sum;
}

/* The widest column of texts that may lose one, whole words first; NULL for none. */
static struct column *widest(const struct layout *l, int may_break)
{
    struct column *found = NULL;
    for (int64_t c = 0; c < l->t->n_columns; c++) {
        struct column *x = &l->column[c];
        size_t least = x->head_word > LEAST ? x->head_word : LEAST;
        if (!may_break && x->cell_word > least)
            least = x->cell_word;
        if (x->is_text && x->width > least && (!found || x->width > found->width))
            found = x;
    }
    return found;
}

static void fit(struct layout *l, size_t width)
{
    for (int64_t c = 0; c < l->t->n_columns && total(l) > width; c++) {
        struct column *x = &l->column[c];
        if (x->width > x->cells)
            x->width = x->head_word > x->cells ? x->head_word : x->cells;
    }
    for (int may_break = 0; may_break < 2; may_break++)
        for (struct column *x; total(l) > width && (x = widest(l, may_break));)
            x->width--;
    for (int64_t c = 0; c < l->t->n_columns; c++) /* what no table can hold is broken anywhere */
        if (l->column[c].width + INDENT > width)
            l->column[c].width = width > INDENT ? width - INDENT : 1;
}

/* Columns that say what a row is: all before the first estimate, or else the first texts; none where they leave no room. */
static int64_t n_keys(const struct layout *l, size_t width)
{
    const struct sg_doc_table *t = l->t;
    int64_t n = t->n_columns, n_texts = 0;
    for (int64_t c = 0; c < t->n_columns && n == t->n_columns; c++)
        for (int64_t r = 0; r < t->n_rows; r++)
            if (isfinite(t->cell[r * t->n_columns + c].low)) {
                n = c;
                break;
            }
    while (n_texts < t->n_columns && l->column[n_texts].is_text)
        n_texts++;
    n = n < t->n_columns ? n : n_texts;
    size_t used = INDENT;
    for (int64_t c = 0; c < n; c++)
        used += l->column[c].width + GAP;
    return used <= width / 2 ? n : 0;
}

static void blanks(struct sg_buf *out, size_t n)
{
    while (n--)
        sg_buf_puts(out, " ");
}

/* Blanks before the first line of a cell. */
static size_t indent_of(const struct column *x, const struct sg_doc_cell *cell, size_t line)
{
    if (x->is_text || line >= x->width)
        return 0;
    size_t behind = !cell || is_words(cell) ? 0 : x->mark - mark_width(cell);
    return line + behind < x->width ? x->width - line - behind : 0;
}

static int64_t n_lines(const char *text, size_t width)
{
    int64_t n = 0;
    do {
        sg_terminal_line(text, width, &text);
        n++;
    } while (*text);
    return n;
}

/* The columns of a part, one row; heads stand on the bottom of their lines. column: (n) indices. */
static void draw_row(const struct layout *l, int64_t row, const int64_t *column, int64_t n)
{
    int64_t most = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t lines = n_lines(l->column[column[k]].text[row], l->column[column[k]].width);
        most = lines > most ? lines : most;
    }
    for (int64_t line = 0; line < most; line++) {
        size_t owed = INDENT; /* blanks before the next text: none at a line's end */
        for (int64_t k = 0; k < n; k++) {
            const struct column *x = &l->column[column[k]];
            const struct sg_doc_cell *cell =
                row ? &l->t->cell[(row - 1) * l->t->n_columns + column[k]] : NULL;
            const char *text = x->text[row], *next = text;
            int64_t skip = row ? line : line - (most - n_lines(text, x->width));
            size_t bytes = 0, used = 0;
            for (int64_t i = 0; i <= skip; i++) {
                text = next;
                bytes = *text ? sg_terminal_line(text, x->width, &next) : 0;
            }
            if (skip >= 0 && bytes) {
                struct sg_buf one = sg_buf_make(TABLE_MAX);
                sg_buf_add(&one, text, bytes);
                used = sg_terminal_width(sg_buf_text(&one));
                size_t before = indent_of(x, cell, used);
                blanks(l->out, owed + before);
                sg_buf_puts(l->out, sg_buf_text(&one));
                sg_buf_free(&one);
                used += before;
                owed = 0;
            }
            owed += x->width - used + GAP;
        }
        sg_buf_puts(l->out, "\n");
    }
}

static void draw_part(const struct layout *l, const int64_t *column, int64_t n)
{
    draw_row(l, 0, column, n);
    for (int64_t k = 0; k < n; k++) {
        blanks(l->out, k ? GAP : INDENT);
        for (size_t i = 0; i < l->column[column[k]].width; i++)
            sg_buf_puts(l->out, "-");
    }
    sg_buf_puts(l->out, "\n");
    for (int64_t r = 1; r <= l->t->n_rows; r++)
        draw_row(l, r, column, n);
}

static void draw(const struct layout *l, size_t width, int64_t *column)
{
    int64_t keys = n_keys(l, width), at = 0, n_columns = l->t->n_columns;
    while (at < n_columns) {
        int64_t n = 0;
        size_t used = INDENT;
        for (int64_t c = 0; at && c < keys; c++) {
            column[n++] = c;
            used += l->column[c].width + GAP;
        }
        if (used + l->column[at].width > width) { /* no room beside the first columns */
            n = 0;
            used = INDENT;
        }
        int64_t first = n;
        while (at < n_columns && (n == first || used + l->column[at].width <= width)) {
            used += l->column[at].width + GAP;
            column[n++] = at++;
        }
        draw_part(l, column, n);
        if (at < n_columns)
            sg_buf_puts(l->out, "\n");
    }
}

void sg_terminal_table(const struct sg_doc_table *t, size_t width, struct sg_buf *out)
{
    size_t n = (size_t)t->n_columns;
    struct layout l = {.t = t, .out = out, .texts = sg_buf_make(TABLE_MAX)};
    l.column = sg_alloc(n, sizeof *l.column);
    l.memory = sg_alloc(n * (size_t)(t->n_rows + 1), sizeof *l.memory);
    int64_t *shown = sg_alloc(n, sizeof *shown);
    if (l.column && l.memory && shown && fill_texts(&l)) {
        measure(&l);
        fit(&l, width);
        draw(&l, width, shown);
    } else
        out->failed = l.texts.failed ? l.texts.failed : 1;
    sg_free(shown);
    free_layout(&l);
}
