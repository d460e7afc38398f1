#include "experiments/study/evaluation_impl.h"

#include "base/rng.h"

struct own {
    struct sg_contamination_spec spec;
    struct sg_contamination_probe *probe;
    struct sg_contamination_reply
        *reply; /* (n): ask 2 i is row i by the general instruction, 2 i + 1 by the guided one */
};

static void destroy(struct sg_evaluation *e)
{
    struct own *o = e->own;
    sg_contamination_probe_destroy(o->probe);
    sg_free(o->reply);
}

/* Up to `want` of the test rows that fit, drawn without regard to what they hold: fewer are the first of more. row: (test.n). */
static sg_status draw_rows(const struct sg_evaluation *e, int64_t want, int64_t *row, int64_t *n,
                           struct sg_err *err)
{
    const struct sg_rows *test = &e->data->test;
    struct sg_rng r = sg_rng_make(sg_seed_of("contamination rows of %s", e->task->name), 0);
    int64_t n_fit = 0;
    for (int64_t i = 0; i < test->n; i++)
        row[i] = i;
    sg_rng_shuffle(&r, row, test->n);
    for (int64_t i = 0; i < test->n && n_fit < want; i++) {
        int fits;
        SG_TRY(sg_contamination_fits(e->task, &test->row[row[i]], &fits, err));
        if (fits)
            row[n_fit++] = row[i];
    }
    *n = n_fit;
    return SG_OK;
}

static void make_id(struct sg_evaluation *e)
{
    const struct own *o = e->own;
    char text[300];
    int n = snprintf(text, sizeof text, "synthgrid contamination 1\nprobe %s\ntest %s\nrows %lld\n",
                     sg_contamination_probe_id(o->probe), e->data->test_digest, (long long)(e->n / 2));
    sg_sha256_hex(text, (size_t)n, e->id);
}

static sg_status make(const struct sg_evaluation_source *from, struct sg_evaluation *e, struct sg_err *err)
{
    const struct sg_study *s = from->study;
    struct own *o = e->own;
    int64_t *row = sg_alloc((size_t)e->data->test.n + 1, sizeof *row), n = 0;
    if (!row)
        return sg_fail_memory(err, (size_t)e->data->test.n * sizeof *row);
    sg_status status = draw_rows(e, s->contamination_rows, row, &n, err);
    if (status == SG_OK)
        status = sg_evaluation_make_room(e, 2 * n, err);
    if (status == SG_OK && !(o->reply = sg_alloc((size_t)(2 * n) + 1, sizeof *o->reply)))
        status = sg_fail_memory(err, (size_t)(2 * n) * sizeof *o->reply);
    if (status == SG_OK)
        memcpy(e->row, row, (size_t)n * sizeof *row);
    sg_free(row);
    SG_TRY(status);
    o->spec = (struct sg_contamination_spec){
        .task = e->task, .generator = e->generator, .max_tokens = s->contamination_max_tokens};
    SG_TRY(sg_contamination_probe_create(&o->spec, &o->probe, err));
    make_id(e);
    return SG_OK;
}

int64_t sg_evaluations_contaminate_most(const struct sg_study *s)
{
    return s->contamination_rows ? (int64_t)s->n_tasks * s->n_generators : 0;
}

sg_status sg_evaluations_contaminate(const struct sg_evaluation_source *from, struct sg_evaluation **list,
                                     int64_t *n, struct sg_err *err)
{
    const struct sg_study *s = from->study;
    for (int t = 0; s->contamination_rows && t < s->n_tasks; t++)
        for (int g = 0; g < s->n_generators; g++) {
            struct sg_evaluation *e;
            SG_TRY(sg_evaluation_begin(&sg_evaluation_contaminate, from, t, g, sizeof(struct own), &e, err));
            sg_status status = make(from, e, err);
            if (status != SG_OK) {
                sg_evaluation_destroy(e);
                return status;
            }
            sg_evaluation_add_take(e, list, n);
        }
    return SG_OK;
}

/* ---- asking ---- */

static const struct sg_row *row_of(const struct sg_evaluation *e, int64_t i)
{
    return &e->data->test.row[e->row[i / 2]];
}

static sg_status request(const struct sg_evaluation *e, int64_t i, struct sg_request *out, struct sg_err *err)
{
    const struct own *o = e->own;
    return sg_contamination_request(o->probe, e->row[i / 2], row_of(e, i), i % 2 == 1, out, err);
}

static sg_status read_reply(struct sg_evaluation *e, int64_t i, const struct sg_found *f, struct sg_err *err)
{
    struct own *o = e->own;
    o->reply[i] = (struct sg_contamination_reply){.outcome = SG_REPLY_FAILED};
    return f->status == SG_OK
               ? sg_contamination_read(e->task, row_of(e, i), f->text, f->finish_reason, &o->reply[i], err)
               : SG_OK;
}

/* A refusal is an answer here: it is no reason to stop buying what the study is about. */
static sg_status preview(const struct sg_evaluation *e, const struct sg_found *f, enum sg_reject *reason,
                         struct sg_err *err)
{
    struct sg_contamination_reply reply;
    static const struct sg_row none = {.first = (char *)(uintptr_t) "", .second = NULL};
    SG_TRY(sg_contamination_read(e->task, &none, f->text, f->finish_reason, &reply, err));
    *reason = reply.outcome == SG_REPLY_REASONING ? SG_REJECT_REASONING
              : reply.outcome == SG_REPLY_EMPTY   ? SG_REJECT_EMPTY
                                                  : SG_ACCEPTED;
    return SG_OK;
}

static int is_unparsable(const struct sg_evaluation *e, int64_t i)
{
    const struct own *o = e->own;
    return o->reply[i].outcome != SG_REPLY_TEXT;
}

static int64_t tokens_out(const struct sg_evaluation *e)
{
    const struct own *o = e->own;
    const struct sg_rows *test = &e->data->test;
    int64_t n_bytes = 0, most = o->spec.max_tokens;
    for (int64_t i = 0; i < test->n; i++)
        n_bytes += (int64_t)strlen(test->row[i].first) / (e->task->second ? 1 : 2);
    int64_t n = test->n ? n_bytes / test->n / 4 + 1 : 0; /* a reply as long as a row's second part */
    return n < most ? n : most;
}

/* ---- what there is ---- */

static int64_t seed(const struct sg_evaluation *e)
{
    (void)e;
    return 0;
}

static void name(const struct sg_evaluation *e, char *what, size_t size)
{
    (void)e;
    snprintf(what, size, "contamination probe");
}

static json_t *settings(const struct sg_evaluation *e)
{
    const struct own *o = e->own;
    return json_pack("{s:s, s:s, s:I, s:I, s:f}", "data_set", sg_contamination_data_set(e->task), "split",
                     sg_contamination_split(e->task), "rows", (json_int_t)(e->n / 2), "max_tokens",
                     (json_int_t)o->spec.max_tokens, "temperature", 0.0);
}

int64_t sg_evaluation_n_probed(const struct sg_evaluation *e)
{
    return e->n / 2;
}

struct sg_evaluation_probed sg_evaluation_get_probed(const struct sg_evaluation *e, int64_t i)
{
    const struct own *o = e->own;
    return (struct sg_evaluation_probed){.row = e->row[i],
                                         .reply = {o->reply[2 * i], o->reply[2 * i + 1]},
                                         .key = {e->asked[2 * i].key, e->asked[2 * i + 1].key}};
}

const struct sg_evaluation_kind sg_evaluation_contaminate = {.destroy = destroy,
                                                             .request = request,
                                                             .read = read_reply,
                                                             .preview = preview,
                                                             .is_unparsable = is_unparsable,
                                                             .tokens_out = tokens_out,
                                                             .seed = seed,
                                                             .name = name,
                                                             .settings = settings};
