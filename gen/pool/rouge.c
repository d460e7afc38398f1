#include "gen/pool/rouge.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/words.h"

#include <string.h>

/* Blanks for apostrophes: folding for duplicates joins what they part. */
static void add_parted(struct sg_buf *b, const char *text)
{
    static const char *const mark[] = {"'", "\xe2\x80\x99", "\xe2\x80\x98"};
    for (const char *p = text; *p && p - text < SG_ROUGE_MAX_BYTES;) {
        size_t n = 0;
        for (size_t i = 0; !n && i < sizeof mark / sizeof mark[0]; i++)
            n = strncmp(p, mark[i], strlen(mark[i])) == 0 ? strlen(mark[i]) : 0;
        sg_buf_add(b, n ? " " : p, 1);
        p += n ? n : 1;
    }
}

sg_status sg_word_list_read(const char *text, struct sg_word_list *out, struct sg_err *err)
{
    /* Compatibility forms of Unicode are up to 18 characters for one. */
    struct sg_buf parted = sg_buf_make((size_t)1 << 20), folded = sg_buf_make((size_t)4 << 20);
    add_parted(&parted, text);
    sg_status status = sg_buf_check(&parted, "a text", err);
    char *whole = status == SG_OK ? sg_buf_take(&parted) : NULL;
    sg_buf_free(&parted);
    if (whole) {
        sg_text_whole(whole);
        sg_buf_folded(&folded, whole);
        sg_free(whole);
        status = sg_buf_check(&folded, "a text", err);
    }
    struct sg_word_list w = {.text = status == SG_OK ? sg_strdup(sg_buf_text(&folded)) : NULL};
    sg_buf_free(&folded);
    SG_TRY(status);
    int64_t n = 1;
    for (const char *p = w.text; p && (p = strchr(p, ' ')); p++)
        n++;
    w.word = w.text ? sg_alloc((size_t)n, sizeof *w.word) : NULL;
    if (!w.word) {
        sg_word_list_free(&w);
        return sg_fail_memory(err, (size_t)n * sizeof *w.word);
    }
    for (char *p = w.text; *p && w.n < SG_ROUGE_MAX_WORDS;) {
        w.word[w.n++] = p;
        p += strcspn(p, " ");
        if (*p)
            *p++ = 0;
    }
    *out = w;
    return SG_OK;
}

void sg_word_list_free(struct sg_word_list *w)
{
    sg_free(w->word);
    sg_free(w->text);
    *w = (struct sg_word_list){0};
}

int sg_word_list_begins(const struct sg_word_list *w, const struct sg_word_list *start)
{
    int same = start->n <= w->n;
    for (int64_t i = 0; same && i < start->n; i++)
        same = strcmp(w->word[i], start->word[i]) == 0;
    return same;
}

sg_status sg_rouge_l(const struct sg_word_list *reference, const struct sg_word_list *candidate, int64_t from,
                     double *f1, struct sg_err *err)
{
    int64_t m = reference->n, n = candidate->n - from;
    *f1 = 0;
    if (m < 1 || n < 1)
        return SG_OK;
    int64_t *length = sg_alloc((size_t)n + 1, sizeof *length); /* a row of the table; zeros */
    if (!length)
        return sg_fail_memory(err, (size_t)n * sizeof *length);
    for (int64_t i = 0; i < m; i++) {
        int64_t diagonal = 0;
        for (int64_t k = 1; k <= n; k++) {
            int64_t above = length[k];
            if (strcmp(reference->word[i], candidate->word[from + k - 1]) == 0)
                length[k] = diagonal + 1;
            else if (length[k - 1] > above)
                length[k] = length[k - 1];
            diagonal = above;
        }
    }
    *f1 = 2 * (double)length[n] / (double)(m + n);
    sg_free(length);
    return SG_OK;
}
