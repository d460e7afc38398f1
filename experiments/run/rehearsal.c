#include "experiments/run/rehearsal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/buying/endpoints.h"
#include "experiments/run/run.h"
#include "experiments/run/stub.h"
#include "experiments/study/arena.h"
#include "experiments/study/generators.h"
#include "experiments/study/prices.h"
#include "experiments/study/study.h"
#include "gen/llm/provider.h"
#include "results/ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A variable that nobody sets: the stub is asked without a key, and the study's own is never looked for. */
static const char NO_KEY[] = "SYNTHGRID_REHEARSAL_KEY";

struct sg_rehearsal {
    struct sg_rehearsal_options o;
    struct sg_study *study; /* as it would run, with published prices */
    char *name, *results;
    const char **overrides; /* the caller's, whose array goes before the run comes */
    int starts_stubs;
    struct sg_stub **stub; /* one for each generator; NULL where this rank has started none */
    char **log;            /* of each */
};

static sg_status choose_folder(struct sg_rehearsal *r, struct sg_err *err)
{
    const char *of_study = r->study->results;
    size_t n = strlen(of_study);
    while (n > 1 && of_study[n - 1] == '/')
        n--;
    size_t size = n + sizeof "-rehearsal";
    if (r->o.results)
        r->results = sg_strdup(r->o.results);
    else if ((r->results = sg_alloc(size, 1)))
        snprintf(r->results, size, "%.*s-rehearsal", (int)n, of_study);
    if (!r->results)
        return sg_fail_memory(err, size);
    if (strcmp(r->results, of_study) == 0)
        return sg_fail(err, SG_INPUT,
                       "%s is where the study's own results go; hint: --results with another folder",
                       of_study);
    return SG_OK;
}

/* Stub i answers for generator i, at its prices and, if so wished, its limits. */
static sg_status start_stub(struct sg_rehearsal *r, int i, struct sg_err *err)
{
    const struct sg_generator *g = &r->study->generator[i];
    const struct sg_stub_settings s = {.log = r->log[i],
                                       .faults = r->o.faults,
                                       .latency_s = r->o.latency_s,
                                       .usd_per_1m_input = g->usd_per_1m_input,
                                       .usd_per_1m_output = g->usd_per_1m_output,
                                       .requests_per_min = r->o.keep_pace ? g->requests_per_min : 0,
                                       .tokens_per_min = r->o.keep_pace ? g->tokens_per_min : 0};
    return sg_stub_start(&s, &r->stub[i], err);
}

static const char *asked_as(const struct sg_generator *g)
{
    return sg_provider_find(g->provider)->rehearsed_as;
}

static int asks_the_same(const struct sg_generator *a, const struct sg_generator *b)
{
    return strcmp(asked_as(a), asked_as(b)) == 0 && strcmp(a->model, b->model) == 0 &&
           a->temperature == b->temperature && a->top_p == b->top_p && sg_generator_same_more(a, b);
}

/* A model at OpenAI and at Azure is two generators, but one to the stubs: what the one was told would be taken for the other's
 * answer, and half of the cost be missing. */
static sg_status tell_apart(struct sg_study *s, struct sg_err *err)
{
    for (int i = 1; i < s->n_generators; i++)
        for (int k = 0; k < i; k++) {
            struct sg_generator *g = &s->generator[i];
            if (!asks_the_same(g, &s->generator[k]))
                continue;
            size_t n = strlen(g->model) + strlen(g->name) + sizeof " ()";
            char *model = sg_arena_alloc(s->arena, n, 1);
            if (!model)
                return sg_fail_memory(err, n);
            snprintf(model, n, "%s (%s)", g->model, g->name);
            g->model = model;
            break;
        }
    return SG_OK;
}

static sg_status make_lists(struct sg_rehearsal *r, struct sg_err *err)
{
    int n = r->study->n_generators;
    size_t n_overrides = (size_t)r->o.n_overrides;
    r->stub = sg_alloc((size_t)n, sizeof *r->stub);
    r->log = sg_alloc((size_t)n, sizeof *r->log);
    r->overrides = sg_alloc(n_overrides + 1, sizeof *r->overrides);
    /* So that its tables are not taken for the study's; a name has 64 characters at most. */
    r->name = sg_strf("%.54s-rehearsal", r->study->name);
    if (!r->stub || !r->log || !r->overrides || !r->name)
        return sg_fail_memory(err, 1024);
    for (size_t i = 0; i < n_overrides; i++)
        r->overrides[i] = r->o.overrides[i];
    r->o.overrides = r->overrides;
    for (int i = 0; i < n; i++) {
        const char *name = r->study->generator[i].name;
        r->log[i] =
            name ? sg_strf("%s/stub-%s.jsonl", r->results, name) : sg_path_join(r->results, "stub.jsonl");
        if (!r->log[i])
            return sg_fail_memory(err, 1024);
    }
    return SG_OK;
}

static sg_status begin(struct sg_rehearsal *r, int starts_stubs, struct sg_err *err)
{
    SG_TRY(sg_study_read(r->o.study, r->o.n_overrides, r->o.overrides, &r->study, err));
    sg_endpoints_take_keys(r->study);
    unsetenv(NO_KEY);
    SG_TRY(sg_prices_fill(r->study, NULL, err));
    SG_TRY(tell_apart(r->study, err));
    SG_TRY(choose_folder(r, err));
    SG_TRY(make_lists(r, err));
    r->starts_stubs = starts_stubs;
    for (int i = 0; starts_stubs && i < r->study->n_generators; i++)
        SG_TRY(start_stub(r, i, err));
    return SG_OK;
}

sg_status sg_rehearsal_begin(const struct sg_rehearsal_options *o, int starts_stubs,
                             struct sg_rehearsal **out, struct sg_err *err)
{
    struct sg_rehearsal *r = sg_alloc(1, sizeof *r);
    if (!r)
        return sg_fail_memory(err, sizeof *r);
    r->o = *o;
    sg_status status = begin(r, starts_stubs, err);
    if (status == SG_OK)
        *out = r;
    else
        sg_rehearsal_end(r);
    return status;
}

static void stop_stubs(struct sg_rehearsal *r)
{
    for (int i = 0; r->stub && i < r->study->n_generators; i++) {
        sg_stub_stop(r->stub[i]);
        r->stub[i] = NULL;
    }
}

void sg_rehearsal_end(struct sg_rehearsal *r)
{
    if (!r)
        return;
    stop_stubs(r);
    for (int i = 0; r->log && i < r->study->n_generators; i++)
        sg_free(r->log[i]);
    sg_free(r->stub);
    sg_free(r->log);
    sg_free(r->overrides);
    sg_free(r->name);
    sg_free(r->results);
    sg_study_destroy(r->study);
    sg_free(r);
}

/* Rank 0's address becomes that of all (sg_endpoints_share). A stub speaks chat completions and Anthropic's messages: a
 * model that would run in this process, or at Azure's kind of address, is asked by the former. */
static void redirect_generator(const struct sg_rehearsal *r, int i, struct sg_generator *g)
{
    g->provider = asked_as(g);
    g->model = r->study->generator[i].model;
    g->model_file = NULL;
    g->base_url = r->stub[i] ? sg_stub_url(r->stub[i]) : NULL;
    g->api_key_env = NO_KEY;
    g->recording = NULL;
    if (!r->o.keep_pace)
        g->requests_per_min = g->tokens_per_min = 0;
}

/* What makes a run a rehearsal, and the one place that does: its generators are the stubs, without a key; its folder and name are the
 * rehearsal's; no recording, no cache, and no limits but with keep_pace. Prices stay. The study borrows from the rehearsal. */
static sg_status redirect(void *context, struct sg_study *s, struct sg_err *err)
{
    const struct sg_rehearsal *r = context;
    (void)err;
    for (int i = 0; i < s->n_generators; i++)
        redirect_generator(r, i, &s->generator[i]);
    s->name = r->name;
    s->results = r->results;
    s->cache = NULL; /* what a stub said must not be shared, and what was bought must not be asked for less */
    return SG_OK;
}

/* Reports say it at their head. */
static sg_status mark_ledger(void *context, struct sg_ledger *l, struct sg_err *err)
{
    (void)context;
    return sg_ledger_meta_set(l, "rehearsal", "a stub server wrote the texts; they mean nothing", err);
}

/* ---- what it came to ---- */

/* What was asked of one generator. */
struct sums {
    const struct sg_generator *generator;
    int64_t n, n_failed, tokens_in, tokens_out;
    double limit_tokens, usd, worst_usd;
};

struct total {
    int n;
    struct sums *of; /* (n) generators of the study */
};

static struct sums *sums_of(const struct total *t, const char *canonical)
{
    int found = t->n > 1 ? sg_generators_find(t->n, t->of->generator, asked_as, "", canonical) : 0;
    return &t->of[found > 0 ? found : 0];
}

static sg_status add_completion(void *context, const struct sg_ledger_completion *c, struct sg_err *err)
{
    (void)err;
    if (c->finish_reason && strcmp(c->finish_reason, SG_LEDGER_COMPUTED) == 0)
        return SG_OK;
    struct sums *s = sums_of(context, c->request);
    /* Only read: nothing changes the text. */
    const struct sg_request q = {.canonical = (char *)c->request};
    s->n++;
    s->n_failed += c->status != SG_OK;
    s->tokens_in += c->tokens_in;
    s->tokens_out += c->tokens_out;
    s->usd += c->cost_usd > 0 ? c->cost_usd : 0;
    s->limit_tokens += sg_request_tokens(&q);
    s->worst_usd += sg_request_worst_usd(s->generator, &q);
    return SG_OK;
}

static void add_name(const struct sg_generator *g, struct sg_buf *b)
{
    if (g->name)
        sg_buf_printf(b, "%s: ", g->name);
}

static void add_price(const struct sums *s, struct sg_buf *b)
{
    const struct sg_generator *g = s->generator;
    sg_buf_puts(b, "price      ");
    add_name(g, b);
    if (!sg_generator_has_prices(g))
        sg_buf_printf(b, "of %s not known; hint: generator.usd_per_1m_input and generator.usd_per_1m_output",
                      g->model);
    else
        sg_price_describe(g, b);
    sg_buf_puts(b, "\n");
}

static void add_money(const struct sg_rehearsal *r, const struct total *t, struct sg_buf *b)
{
    double usd = 0, worst = 0, budget = r->o.max_usd >= 0 ? r->o.max_usd : r->study->budget_usd;
    int n_unknown = 0;
    for (int i = 0; i < t->n; i++) {
        add_price(&t->of[i], b);
        n_unknown += !sg_generator_has_prices(t->of[i].generator);
        usd += t->of[i].usd;
        worst += t->of[i].worst_usd;
    }
    if (n_unknown == t->n) {
        sg_buf_puts(b, "cost       not known without a price\n");
        return;
    }
    sg_buf_printf(b,
                  "cost       %.4f USD for the stub's answers, which are short; at most %.4f USD, when every "
                  "answer is as "
                  "long as max_tokens allows and every byte of a prompt is a token%s\n",
                  usd, worst, n_unknown ? "; without what has no price" : "");
    if (budget >= 0 && worst > budget)
        sg_buf_printf(
            b,
            "           that is more than the limit of %.4f USD, at which a run may stop with exit code 3\n",
            budget);
}

/* The pace of the limiter: 97 % of the limits (gen/llm/limiter.h). */
static void add_pace(const struct sums *s, struct sg_buf *b)
{
    const struct sg_generator *g = s->generator;
    double by_requests = g->requests_per_min ? (double)s->n / (double)g->requests_per_min : 0,
           by_tokens = g->tokens_per_min ? s->limit_tokens / (double)g->tokens_per_min : 0;
    char time[24];
    sg_buf_puts(b, "pace       ");
    add_name(g, b);
    if (!g->requests_per_min && !g->tokens_per_min) {
        sg_buf_puts(b, "the study sets no limits; a provider's own become known from its answers\n");
        return;
    }
    sg_format_duration((by_requests > by_tokens ? by_requests : by_tokens) * 60 / 0.97, time);
    sg_buf_printf(b, "%s at the study's limits, of which that on %s is the tighter one", time,
                  by_requests > by_tokens ? "requests" : "tokens");
    sg_buf_printf(b, " (requests count with all of max_tokens: %.0f tokens)\n", s->limit_tokens);
}

static void add_requests(const struct total *t, const struct sg_stub_bill *bill, struct sg_buf *b)
{
    struct sums all = {0};
    for (int i = 0; i < t->n; i++) {
        all.n += t->of[i].n;
        all.n_failed += t->of[i].n_failed;
        all.tokens_in += t->of[i].tokens_in;
        all.tokens_out += t->of[i].tokens_out;
    }
    sg_buf_printf(
        b,
        "requests   %lld, of which %lld answered, %lld refused for their pace (429), %lld failed otherwise\n",
        (long long)bill->n_requests, (long long)bill->n_answered, (long long)bill->n_429,
        (long long)bill->n_other);
    sg_buf_printf(b, "           %lld %s", (long long)all.n, sg_plural(all.n, "completion", "completions"));
    if (all.n_failed)
        sg_buf_printf(b, ", %lld of them given up on", (long long)all.n_failed);
    sg_buf_puts(b, "; a real model's answers are rejected for other reasons, and so more or fewer\n");
    sg_buf_printf(b, "tokens     %lld in, %lld out, as the stub counts (4 bytes a token)\n",
                  (long long)all.tokens_in, (long long)all.tokens_out);
}

static sg_status print_total(const struct sg_rehearsal *r, const struct total *t,
                             const struct sg_stub_bill *bill, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    sg_buf_printf(
        &b,
        "rehearsal  of %s, by a stub server on this machine: nobody was paid, and the texts mean nothing\n",
        r->study->name);
    add_requests(t, bill, &b);
    add_money(r, t, &b);
    for (int i = 0; i < t->n; i++)
        add_pace(&t->of[i], &b);
    sg_status status = sg_buf_check(&b, "the summary", err);
    if (status == SG_OK)
        fputs(sg_buf_text(&b), stdout);
    sg_buf_free(&b);
    return status;
}

static sg_status tell_all(const struct sg_rehearsal *r, const struct total *t, struct sg_err *err)
{
    struct sg_stub_bill bill = {0};
    struct sg_ledger *l = NULL;
    for (int i = 0; i < t->n; i++) {
        t->of[i].generator = &r->study->generator[i];
        SG_TRY(sg_stub_bill_add(r->log[i], &bill, err));
    }
    SG_TRY(sg_ledger_open(r->results, SG_LEDGER_READ, &l, err));
    sg_status status = sg_ledger_completions_each(l, add_completion, (void *)(uintptr_t)t, err);
    sg_ledger_close(l);
    return status == SG_OK ? print_total(r, t, &bill, err) : status;
}

static sg_status tell(const struct sg_rehearsal *r, struct sg_err *err)
{
    struct total t = {.n = r->study->n_generators};
    t.of = sg_alloc((size_t)t.n, sizeof *t.of);
    sg_status status = t.of ? tell_all(r, &t, err) : sg_fail_memory(err, sizeof *t.of);
    sg_free(t.of);
    return status;
}

/* ---- the run ---- */

/* The stub listens on its node's loopback alone. */
static sg_status one_node(const struct sg_team *world, struct sg_err *err)
{
    MPI_Comm node;
    int n = 0;
    SG_TRY(sg_mpi_check(
        MPI_Comm_split_type(world->comm, MPI_COMM_TYPE_SHARED, world->rank, MPI_INFO_NULL, &node),
        "MPI_Comm_split_type", err));
    MPI_Comm_size(node, &n);
    MPI_Comm_free(&node);
    sg_status status =
        n == world->size
            ? SG_OK
            : sg_fail(err, SG_INPUT,
                      "the job has %d ranks, but only %d of them %s on this node, and the stub server "
                      "can be reached on its own alone; hint: rehearse on one node",
                      world->size, n, sg_plural(n, "is", "are"));
    return sg_agree(world, status, err);
}

sg_status sg_rehearsal_run(const struct sg_team *world, struct sg_rehearsal *r, struct sg_err *err)
{
    sg_status status = SG_OK;
    SG_TRY(one_node(world, err));
    if (world->rank == 0 && !r->starts_stubs)
        status =
            sg_fail(err, SG_FAILED, "rank 0 of MPI is not the launcher's, which has started the stub server");
    if (world->rank == 0 && status == SG_OK)
        status = sg_rehearsal_folder(r->results, err);
    SG_TRY(sg_agree(world, status, err));
    const struct sg_run_options o = {.study = r->o.study,
                                     .n_overrides = r->o.n_overrides,
                                     .overrides = r->o.overrides,
                                     .max_usd = r->o.max_usd,
                                     .buy_only = r->o.buy_only,
                                     .when_dropped =
                                         "\nsynthgrid: stopping now; the next rehearsal begins anew\n",
                                     .prepared = redirect,
                                     .opened = mark_ledger,
                                     .context = r};
    status = sg_run(world, &o, err);
    stop_stubs(r);
    struct sg_err second = {0};
    sg_status told = SG_OK;
    if (world->rank == 0 && (status == SG_OK || status == SG_STOPPED || status == SG_PARTIAL))
        told = tell(r, &second);
    told = sg_agree(world, told, &second);
    if (told == SG_OK)
        return status;
    *err = second;
    return told;
}
