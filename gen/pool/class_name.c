#include "gen/pool/class_name.h"

#include "base/buf.h"
#include "base/mem.h"
#include "gen/pool/words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FOLDED_BYTES = 160000 }; /* of an answer; compatibility forms can be many times as long */

char *sg_folded(const char *text, size_t n)
{
    struct sg_buf b = sg_buf_make(MAX_FOLDED_BYTES);
    char *copy = sg_strndup(text, n), *out = NULL;
    struct sg_err ignored;
    if (copy)
        sg_buf_folded(&b, copy);
    if (copy && sg_buf_check(&b, "a text", &ignored) == SG_OK)
        out = sg_strdup(sg_buf_text(&b));
    sg_free(copy);
    sg_buf_free(&b);
    return out;
}

const char *sg_class_names_text(const struct sg_class_names *names, int i)
{
    const struct sg_class *c = &names->task->class_[i / 2];
    return i % 2 ? c->readable : c->name;
}

sg_status sg_class_names_create(const struct sg_task *t, struct sg_class_names *out, struct sg_err *err)
{
    struct sg_class_names x = {
        .task = t, .n = 2 * t->n_classes, .folded = sg_alloc(2 * (size_t)t->n_classes, sizeof(char *))};
    int whole = x.folded != NULL;
    for (int i = 0; whole && i < x.n; i++) {
        const char *name = sg_class_names_text(&x, i);
        whole = (x.folded[i] = sg_folded(name, strlen(name))) != NULL;
    }
    if (whole) {
        *out = x;
        return SG_OK;
    }
    sg_class_names_free(&x);
    return sg_fail_memory(err, 64 * (size_t)t->n_classes);
}

void sg_class_names_free(struct sg_class_names *x)
{
    for (int i = 0; x->folded && i < x->n; i++)
        sg_free(x->folded[i]);
    sg_free(x->folded);
    *x = (struct sg_class_names){0};
}

/* Takes bytes of `set` off both ends. */
static void trim(const char **s, size_t *n, const char *set)
{
    while (*n && **s && strchr(set, **s)) {
        ++*s;
        --*n;
    }
    while (*n && (*s)[*n - 1] && strchr(set, (*s)[*n - 1]))
        --*n;
}

static int find_exactly(const struct sg_class_names *names, const char *s, size_t n)
{
    for (int readable = 0; readable < 2; readable++)
        for (int k = 0; k < names->n / 2; k++) {
            const char *name = sg_class_names_text(names, 2 * k + readable);
            if (strlen(name) == n && memcmp(name, s, n) == 0)
                return k;
        }
    return -1;
}

/* The signs of a text that make another name of the same letters: "+" and "#" behind a letter or digit ("C++", "A+"), "-", "<",
 * ">" and the like before a digit ("-1", "<5"). */
static void signs_of(const char *s, size_t n, char out[8])
{
    size_t n_out = 0;
    for (size_t i = 0; i < n && n_out < 7; i++) {
        int before = i > 0 && (isalnum((unsigned char)s[i - 1]) || strchr("+#", s[i - 1]));
        int after = i + 1 < n && (isdigit((unsigned char)s[i + 1]) || (i + 2 < n && s[i + 1] == '='));
        if ((strchr("+#", s[i]) && before) || (strchr("<>", s[i]) && after) ||
            (s[i] == '-' && after && (i == 0 || strchr(" *_\"'`(:", s[i - 1]))))
            out[n_out++] = s[i];
    }
    out[n_out] = 0;
}

int sg_class_names_differ(const char *name, const char *s, size_t n)
{
    char own[8], said[8];
    signs_of(name, strlen(name), own);
    signs_of(s, n, said);
    return said[0] && strcmp(own, said) != 0 && (own[0] || strlen(name) <= 2);
}

static sg_status find_folded(const struct sg_class_names *names, const char *s, size_t n, int *class_,
                             struct sg_err *err)
{
    char *folded = sg_folded(s, n);
    if (!folded)
        return sg_fail_memory(err, n);
    int found = -1, several = 0;
    for (int i = 0; folded[0] && i < names->n; i++)
        if (strcmp(folded, names->folded[i]) == 0 &&
            !sg_class_names_differ(sg_class_names_text(names, i), s, n)) {
            several |= found >= 0 && found != i / 2;
            found = i / 2;
        }
    *class_ = several ? -1 : found;
    sg_free(folded);
    return SG_OK;
}

sg_status sg_class_names_find(const struct sg_class_names *names, const char *s, size_t n, int *class_,
                              struct sg_err *err)
{
    trim(&s, &n, " \t\r\n");
    *class_ = n ? find_exactly(names, s, n) : -1;
    if (*class_ >= 0)
        return SG_OK;
    const char *bare = s;
    size_t n_bare = n;
    trim(&bare, &n_bare, " \t\r\n*_\"'`.");
    *class_ = n_bare ? find_exactly(names, bare, n_bare) : -1;
    return *class_ < 0 && n ? find_folded(names, s, n, class_, err) : SG_OK;
}

struct entry {
    const char *folded;
    int i;
};

static int by_folded(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->folded, y->folded);
    return order ? order : x->i - y->i;
}

sg_status sg_class_names_clash(const struct sg_class_names *names, int *a, int *b, struct sg_err *err)
{
    struct entry *e = sg_alloc((size_t)names->n + 1, sizeof *e);
    if (!e)
        return sg_fail_memory(err, (size_t)names->n * sizeof *e);
    for (int i = 0; i < names->n; i++)
        e[i] = (struct entry){names->folded[i], i};
    qsort(e, (size_t)names->n, sizeof *e, by_folded);
    *a = *b = -1;
    for (int i = 1; *a < 0 && i < names->n; i++)
        if (strcmp(e[i].folded, e[i - 1].folded) == 0 && e[i].i / 2 != e[i - 1].i / 2) {
            *a = e[i - 1].i;
            *b = e[i].i;
        }
    sg_free(e);
    return SG_OK;
}
