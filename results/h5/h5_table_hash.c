#include "results/h5/h5_table_hash.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { MAX_NUMBERS = 16, SOME = 256 };

/* Values are gathered first: a call of OpenSSL for each 8 bytes costs ten times the hashing (17 s for 3
 * million predictions). */
struct stream {
    struct sg_sha256_stream *sha;
    size_t n;
    unsigned char buffer[1 << 14];
};

struct sg_h5_table_hash {
    const struct sg_h5_table_spec *spec;
    int64_t n_rows;
    int is_plain;     /* numbers alone, all of them content: most rows of a file are of such tables */
    int has_volatile; /* else both digests are of the same bytes, and `all` is not used */
    struct stream content, all;
};

static void add(struct stream *s, const void *bytes, size_t n)
{
    if (n > sizeof s->buffer - s->n) {
        sg_sha256_add(s->sha, s->buffer, s->n);
        s->n = 0;
    }
    if (n > sizeof s->buffer)
        sg_sha256_add(s->sha, bytes, n);
    else if (n) {
        memcpy(s->buffer + s->n, bytes, n);
        s->n += n;
    }
}

/* Names and types of the columns that count. */
static void add_head(struct stream *s, const struct sg_h5_table_spec *spec, int all)
{
    const char *name = spec->older ? spec->older : spec->name;
    add(s, name, strlen(name) + 1);
    for (int c = 0; c < spec->n_columns; c++)
        if (all || !spec->column[c].is_volatile) {
            const unsigned char type = (unsigned char)spec->column[c].type;
            add(s, spec->column[c].name, strlen(spec->column[c].name) + 1);
            add(s, &type, 1);
        }
}

/* The 8 bytes of a number. */
static uint64_t bits_of(enum sg_column_type t, const union sg_value *v)
{
    uint64_t bits = 0x7ff8000000000000u;
    if (t == SG_COL_INT || t == SG_COL_INT32)
        return (uint64_t)(t == SG_COL_INT32 ? (int32_t)v->i : v->i);
    double x = (t == SG_COL_REAL32 ? (double)(float)v->x : v->x) + 0.0;
    if (!isnan(x))
        memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Integers and reals as 8 bytes little-endian, every NaN alike and -0 as 0; texts as length and bytes. As the
 * file keeps them: int32 and float32 cut to that. */
static void add_value(struct stream *s, enum sg_column_type t, const union sg_value *v)
{
    if (t == SG_COL_TEXT) {
        uint64_t n = v->text ? strlen(v->text) : 0;
        add(s, &n, sizeof n);
        add(s, v->text, n);
    } else {
        uint64_t bits = bits_of(t, v);
        add(s, &bits, sizeof bits);
    }
}

int sg_h5_table_hash_is_plain(const struct sg_h5_table_spec *spec)
{
    int plain = spec->n_columns <= MAX_NUMBERS;
    for (int c = 0; c < spec->n_columns; c++)
        plain &= !spec->column[c].is_volatile && spec->column[c].type != SG_COL_TEXT;
    return plain;
}

struct sg_h5_table_hash *sg_h5_table_hash_create(const struct sg_h5_table_spec *spec)
{
    struct sg_h5_table_hash *h = sg_alloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->spec = spec;
    h->is_plain = sg_h5_table_hash_is_plain(spec);
    for (int c = 0; c < spec->n_columns; c++)
        h->has_volatile |= spec->column[c].is_volatile;
    h->content.sha = sg_sha256_create();
    h->all.sha = h->has_volatile ? sg_sha256_create() : NULL;
    if (!h->content.sha || (h->has_volatile && !h->all.sha)) {
        sg_h5_table_hash_discard(h);
        return NULL;
    }
    add_head(&h->content, spec, 0);
    if (h->has_volatile)
        add_head(&h->all, spec, 1);
    return h;
}

static void add_numbers(struct stream *s, const struct sg_h5_table_spec *spec, const union sg_value *row)
{
    uint64_t bits[MAX_NUMBERS];
    for (int c = 0; c < spec->n_columns; c++)
        bits[c] = bits_of(spec->column[c].type, &row[c]);
    add(s, bits, (size_t)spec->n_columns * sizeof *bits);
}

void sg_h5_table_hash_add(struct sg_h5_table_hash *h, const union sg_value *row)
{
    h->n_rows++;
    if (h->is_plain) {
        add_numbers(&h->content, h->spec, row);
        return;
    }
    for (int c = 0; c < h->spec->n_columns; c++) {
        if (h->has_volatile)
            add_value(&h->all, h->spec->column[c].type, &row[c]);
        if (!h->spec->column[c].is_volatile)
            add_value(&h->content, h->spec->column[c].type, &row[c]);
    }
}

/* As bits_of, of n rows' values in one column, 8 bytes each at every `stride`-th number of `out`. */
static void widen(enum sg_column_type t, const char *at, size_t row_bytes, size_t n, uint64_t *out,
                  size_t stride)
{
    for (size_t i = 0; i < n; i++, at += row_bytes, out += stride) {
        union sg_value v;
        sg_h5_value_of(t, at, &v);
        *out = bits_of(t, &v);
    }
}

void sg_h5_table_hash_add_rows(struct sg_h5_table_hash *h, const struct sg_h5_layout *l, const char *rows,
                               int64_t n)
{
    uint64_t bits[SOME * MAX_NUMBERS];
    const size_t stride = (size_t)h->spec->n_columns;
    for (size_t from = 0; from < (size_t)n; from += SOME) {
        size_t some = (size_t)n - from < SOME ? (size_t)n - from : SOME;
        for (size_t c = 0; c < stride; c++) {
            const char *at = rows + from * l->row_bytes + l->offset[c];
            switch (h->spec->column[c].type) { /* so that each is a loop of its own */
            case SG_COL_INT32:
                widen(SG_COL_INT32, at, l->row_bytes, some, bits + c, stride);
                break;
            case SG_COL_REAL32:
                widen(SG_COL_REAL32, at, l->row_bytes, some, bits + c, stride);
                break;
            case SG_COL_REAL:
                widen(SG_COL_REAL, at, l->row_bytes, some, bits + c, stride);
                break;
            default:
                widen(SG_COL_INT, at, l->row_bytes, some, bits + c, stride);
            }
        }
        sg_sha256_add(h->content.sha, h->content.buffer, h->content.n);
        h->content.n = 0;
        sg_sha256_add(h->content.sha, bits, some * stride * sizeof *bits);
    }
    h->n_rows += n;
}

static void finish(struct stream *s, int64_t n_rows, char hex[SG_HEX])
{
    add(s, &n_rows, sizeof n_rows);
    sg_sha256_add(s->sha, s->buffer, s->n);
    sg_sha256_finish_hex(s->sha, hex);
    s->sha = NULL;
}

void sg_h5_table_hash_finish(struct sg_h5_table_hash *h, char content[SG_HEX], char all[SG_HEX])
{
    finish(&h->content, h->n_rows, content);
    if (h->has_volatile)
        finish(&h->all, h->n_rows, all);
    else
        memcpy(all, content, SG_HEX);
    sg_h5_table_hash_discard(h);
}

void sg_h5_table_hash_discard(struct sg_h5_table_hash *h)
{
    char ignored[SG_HEX];
    if (!h)
        return;
    if (h->content.sha)
        sg_sha256_finish_hex(h->content.sha, ignored);
    if (h->all.sha)
        sg_sha256_finish_hex(h->all.sha, ignored);
    sg_free(h);
}
