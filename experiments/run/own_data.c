#include "experiments/run/own_data.h"

#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/run/own_sets.h"
#include "gen/pool/near.h"
#include "results/ledger/ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Rows by the hash of their texts, in an open table: one pass over 100,000 rows takes some 20 ms. */
struct seen {
    const struct sg_row *row;
    int32_t label;
    int in_train;
};

struct table {
    int64_t n_slots; /* a power of two */
    struct seen *slot;
};

static uint64_t hash_of(const struct sg_row *r)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a, 64 bits (RFC 9923) */
    for (int second = 0; second < 2; second++) {
        for (const unsigned char *p = (const unsigned char *)(second ? r->second : r->first); p && *p; p++)
            h = (h ^ *p) * 1099511628211u;
        h = (h ^ 0xff) * 1099511628211u;
    }
    return h;
}

static int same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* The slot of a row with the same texts, or the free one where it belongs. */
static struct seen *find(const struct table *t, const struct sg_row *r)
{
    int64_t i = (int64_t)(hash_of(r) & (uint64_t)(t->n_slots - 1));
    while (t->slot[i].row &&
           (!same_text(t->slot[i].row->first, r->first) || !same_text(t->slot[i].row->second, r->second)))
        i = (i + 1) & (t->n_slots - 1);
    return &t->slot[i];
}

struct look {
    const struct sg_study *s;
    const struct sg_task *task;
    const struct sg_task_data *d;
    struct sg_buf *out;
};

SG_PRINTF(2, 3)
static void say(const struct look *l, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sg_buf_printf(l->out, "%s: %s\n", l->task->name, text);
}

static int64_t n_blank(const struct sg_rows *rows)
{
    int64_t n = 0;
    for (int64_t i = 0; i < rows->n; i++)
        n += sg_text_is_blank(rows->row[i].first) ||
             (rows->row[i].second && sg_text_is_blank(rows->row[i].second));
    return n;
}

static int are_same(const struct sg_rows *a, const struct sg_rows *b)
{
    int same = a->n == b->n;
    for (int64_t i = 0; same && i < a->n; i++)
        same = same_text(a->row[i].first, b->row[i].first) && same_text(a->row[i].second, b->row[i].second);
    return same;
}

static long long count(int64_t n)
{
    return (long long)n;
}

/* Exact repetition, within and across the two files. */
static sg_status look_at_repetition(const struct look *l, int64_t *n_leaked, struct sg_err *err)
{
    const struct sg_task_data *d = l->d;
    int64_t n_repeated = 0, n_contradicted = 0, n_test_repeated = 0, n_slots = 16;
    while (n_slots < 2 * (d->train.n + d->test.n))
        n_slots *= 2;
    struct table t = {n_slots, sg_alloc((size_t)n_slots, sizeof *t.slot)};
    if (!t.slot)
        return sg_fail_memory(err, (size_t)n_slots * sizeof *t.slot);
    for (int64_t i = 0; i < d->train.n; i++) {
        struct seen *at = find(&t, &d->train.row[i]);
        if (!at->row)
            *at = (struct seen){&d->train.row[i], d->train_label[i], 1};
        else if (at->label == d->train_label[i])
            n_repeated++;
        else
            n_contradicted++;
    }
    *n_leaked = 0;
    for (int64_t i = 0; i < d->test.n; i++) {
        struct seen *at = find(&t, &d->test.row[i]);
        if (!at->row)
            *at = (struct seen){&d->test.row[i], d->test_label[i], 0};
        else if (at->in_train)
            (*n_leaked)++;
        else
            n_test_repeated++;
    }
    sg_free(t.slot);
    if (*n_leaked)
        say(l,
            "%lld of %lld test %s also %s, word for word: the accuracy would be of rows that were learned by "
            "heart; hint: take them "
            "out of one of the two files",
            count(*n_leaked), count(d->test.n), sg_plural(d->test.n, "row is", "rows are"),
            sg_plural(*n_leaked, "a training row", "training rows"));
    if (n_repeated)
        say(l, "%lld of %lld training rows %s an earlier one; hint: keep one of each", count(n_repeated),
            count(d->train.n), sg_plural(n_repeated, "repeats", "repeat"));
    if (n_contradicted)
        say(l, "%lld training %s the text of an earlier one under another label; hint: look which is right",
            count(n_contradicted), sg_plural(n_contradicted, "row has", "rows have"));
    if (n_test_repeated)
        say(l, "%lld of %lld test rows %s an earlier one, and count twice; hint: keep one of each",
            count(n_test_repeated), count(d->test.n), sg_plural(n_test_repeated, "repeats", "repeat"));
    return SG_OK;
}

static sg_status look_for_near(const struct look *l, int64_t n_leaked, struct sg_err *err)
{
    const struct sg_task_data *d = l->d;
    struct sg_near *near = NULL;
    int64_t n_near = 0;
    if (d->train.n + d->test.n > SG_OWN_DATA_NEAR) {
        say(l,
            "%lld rows: test rows that nearly repeat a training row were not looked for (up to %d they are)",
            count(d->train.n + d->test.n), SG_OWN_DATA_NEAR);
        return SG_OK;
    }
    SG_TRY(sg_near_create(SG_NEAR_MARK, &near, err));
    sg_near_add_rows(near, SG_NEAR_RAW, &d->train);
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < d->test.n; i++) {
        struct sg_near_match m = {0};
        if (sg_text_is_blank(d->test.row[i].first) && !d->test.row[i].second)
            continue; /* said elsewhere */
        status = sg_near_find(near, d->test.row[i].first, d->test.row[i].second, &m, err);
        n_near += status == SG_OK && m.kind != SG_NEAR_NONE;
    }
    sg_near_destroy(near);
    if (status == SG_OK && n_near > n_leaked)
        say(l,
            "%lld %stest %s nearly a training row (%.0f %% of their runs of three words are the same, or "
            "more)",
            count(n_near - n_leaked), n_leaked ? "more " : "",
            sg_plural(n_near - n_leaked, "row is", "rows are"), 100 * SG_NEAR_MARK);
    return status;
}

/* "b, c and 3 more" of the classes without a row; n_of: (K) rows of each. */
static void look_at_classes(const struct look *l, const char *which, const int64_t *n_of, const char *why)
{
    int n_without = 0;
    struct sg_buf names = sg_buf_make(4000);
    for (int k = 0; k < l->task->n_classes; k++)
        if (!n_of[k] && n_without++ < 5) {
            sg_buf_puts(&names, names.len ? ", " : "");
            sg_buf_safe(&names, l->task->class_[k].name, 40);
        }
    if (n_without > 5)
        sg_buf_printf(&names, " and %d more", n_without - 5);
    if (n_without)
        say(l, "no %s row of %s %s%s", which, sg_plural(n_without, "class", "classes"), sg_buf_text(&names),
            why);
    sg_buf_free(&names);
}

/* Named where the largest class has five times the rows of the smallest, and more. */
enum { UNEQUAL = 5 };

static void look_at_balance(const struct look *l, const int64_t *n_of)
{
    int least = -1, most = -1;
    for (int k = 0; k < l->task->n_classes; k++) {
        least = n_of[k] && (least < 0 || n_of[k] < n_of[least]) ? k : least;
        most = most < 0 || n_of[k] > n_of[most] ? k : most;
    }
    if (least < 0 || n_of[most] < UNEQUAL * n_of[least])
        return;
    struct sg_buf names = sg_buf_make(1000);
    sg_buf_safe(&names, l->task->class_[least].name, 40);
    sg_buf_printf(&names, ", %lld of ", count(n_of[most]));
    sg_buf_safe(&names, l->task->class_[most].name, 40);
    say(l, "the classes are unequal: %lld training %s of %s; look at macro-F1 beside accuracy",
        count(n_of[least]), sg_plural(n_of[least], "row", "rows"), sg_buf_text(&names));
    sg_buf_free(&names);
}

static void count_classes(const int32_t *label, int64_t n, int64_t *n_of)
{
    for (int64_t i = 0; i < n; i++)
        n_of[label[i]]++;
}

static sg_status look_at_labels(const struct look *l, struct sg_err *err)
{
    const struct sg_task_data *d = l->d;
    size_t n_classes = (size_t)l->task->n_classes;
    int64_t *of_train = sg_alloc(2 * n_classes, sizeof *of_train);
    if (!of_train)
        return sg_fail_memory(err, 2 * n_classes * sizeof *of_train);
    int64_t *of_test = of_train + n_classes;
    count_classes(d->train_label, d->train.n, of_train);
    count_classes(d->test_label, d->test.n, of_test);
    look_at_classes(l, "training", of_train, ": raw cells cannot learn it");
    look_at_classes(l, "test", of_test, ": how it does there is not measured");
    look_at_balance(l, of_train);
    sg_free(of_train);
    return SG_OK;
}

static sg_status look_at_task(const struct look *l, struct sg_err *err)
{
    const struct sg_task_data *d = l->d;
    int64_t n, n_leaked = 0;
    if (are_same(&d->train, &d->test))
        say(l,
            "training and test rows are the same (%lld of %lld): every accuracy would be of rows that were "
            "learned by heart; hint: "
            "data.train and data.test name the files, synthgrid init splits one",
            count(d->test.n), count(d->test.n));
    else {
        SG_TRY(look_at_repetition(l, &n_leaked, err));
        SG_TRY(look_for_near(l, n_leaked, err));
    }
    if ((n = n_blank(&d->train)))
        say(l, "%lld training %s an empty text", count(n), sg_plural(n, "row has", "rows have"));
    if ((n = n_blank(&d->test)))
        say(l, "%lld test %s an empty text", count(n), sg_plural(n, "row has", "rows have"));
    SG_TRY(look_at_labels(l, err));
    for (int i = 0; l->s->seeds_data > 1 && i < l->s->n_raw; i++)
        if (l->s->raw[i] == d->train.n)
            say(l,
                "seeds.data: %lld draws of %lld raw rows are the same rows each time, as there are no more",
                count(l->s->seeds_data), count(l->s->raw[i]));
    return SG_OK;
}

sg_status sg_own_data_look(const struct sg_study *s, const struct sg_task_data *data, struct sg_buf *out,
                           struct sg_err *err)
{
    for (int t = 0; t < s->n_tasks; t++) {
        if (!data[t].train_is_assumed && !data[t].test_is_assumed)
            SG_TRY(look_at_task(&(struct look){s, &s->task[t], &data[t], out}, err));
        SG_TRY(sg_own_sets_look(&s->task[t], &data[t], out, err));
    }
    return sg_buf_check(out, "what the rows lack", err);
}

sg_status sg_own_data_tell(const struct sg_study *s, const struct sg_task_data *data, struct sg_ledger *l,
                           struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(1 << 20);
    char *said = NULL, digest[SG_HEX];
    sg_status status = sg_own_data_look(s, data, &text, err);
    sg_sha256_hex(sg_buf_text(&text), text.len, digest);
    if (status == SG_OK)
        status = sg_ledger_meta_get(l, "run_data_told", &said, err);
    if (status == SG_OK && text.len && (!said || strcmp(said, digest) != 0)) {
        for (const char *line = sg_buf_text(&text); *line; line += strcspn(line, "\n") + 1)
            sg_tell("synthgrid: note: %.*s", (int)strcspn(line, "\n"), line);
        status = sg_ledger_meta_set(l, "run_data_told", digest, err);
    }
    sg_free(said);
    sg_buf_free(&text);
    return status;
}
