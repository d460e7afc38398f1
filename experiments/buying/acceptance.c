#include "experiments/buying/acceptance.h"

#include "base/mem.h"
#include "base/set.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Once so many in a row were good, every fourth is looked at until one is not: reading an answer twice is not for free. */
enum { TRUSTED = 8, EVERY = 4, SHOWN = 120 };

/* Bytes. A shorter answer ("I am not sure.") may come again though the server heeds temperature and seed. */
enum { TELLING = 40 };

/* Answers in a row without a good example. */
struct streak {
    int64_t n_bad, n_good, n_since_good; /* n_good: ever; n_since_good: good ones in a row */
    int64_t of[SG_N_REJECTS];            /* of n_bad, by reason */
    int64_t n_again;                     /* of n_bad, whatever the reason: long texts that had come before */
};

struct sg_acceptance {
    const struct sg_prepared *p;
    struct sg_requests *requests;
    struct streak *consumer;  /* (n_consumers) */
    struct streak *generator; /* (n_generators) */
    struct sg_set *
        texts; /* "consumer text" of what has come: the same one again is a duplicate before its pool knows it */
};

sg_status sg_acceptance_create(const struct sg_prepared *p, struct sg_requests *r, struct sg_acceptance **out,
                               struct sg_err *err)
{
    struct sg_acceptance *w = sg_alloc(1, sizeof *w);
    if (!w)
        return sg_fail_memory(err, sizeof *w);
    *w = (struct sg_acceptance){.p = p, .requests = r};
    w->consumer = sg_alloc((size_t)sg_requests_n_consumers(r) + 1, sizeof *w->consumer);
    w->generator = sg_alloc((size_t)p->study->n_generators, sizeof *w->generator);
    sg_status status = w->consumer && w->generator
                           ? sg_set_create(&w->texts, err)
                           : sg_fail_memory(err, (size_t)sg_requests_n_consumers(r) * sizeof *w->consumer);
    if (status == SG_OK)
        *out = w;
    else
        sg_acceptance_destroy(w);
    return status;
}

void sg_acceptance_destroy(struct sg_acceptance *w)
{
    if (!w)
        return;
    sg_free(w->consumer);
    sg_free(w->generator);
    sg_set_destroy(w->texts);
    sg_free(w);
}

/* Whether the consumer has had this very text before. */
static sg_status is_repeated(struct sg_acceptance *w, int64_t i, const char *text, int *yes,
                             struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)32 << 20);
    unsigned char digest[32];
    sg_buf_printf(&b, "%lld ", (long long)i);
    sg_buf_puts(&b, text);
    sg_status status = sg_buf_check(&b, "an answer", err);
    if (status == SG_OK) {
        sg_sha256(sg_buf_text(&b), b.len, digest);
        *yes = sg_set_has_digest(w->texts, digest);
        status = *yes ? SG_OK : sg_set_add_digest(w->texts, digest, err);
    }
    sg_buf_free(&b);
    return status;
}

/* *reason: SG_ACCEPTED, why not, or SG_N_REJECTS: not looked at. */
static sg_status look(struct sg_acceptance *w, int64_t i, const char *request, const struct sg_answer *a,
                      enum sg_reject *reason, int *again, struct sg_err *err)
{
    const struct streak *s = &w->consumer[i];
    struct sg_request q = {.canonical = (char *)(uintptr_t)request};
    struct sg_found f = {.found = 1, .status = SG_OK, .text = a->text, .finish_reason = a->finish_reason};
    int repeated = 0;
    if (!sg_requests_may_repeat(w->requests, i) && !sg_text_is_blank(a->text))
        SG_TRY(is_repeated(w, i, a->text, &repeated, err));
    *reason = SG_N_REJECTS;
    if (s->n_since_good < TRUSTED || s->n_since_good % EVERY == 0)
        SG_TRY(sg_requests_preview(w->requests, i, &q, &f, reason, err));
    if (repeated && (*reason == SG_ACCEPTED || *reason == SG_N_REJECTS))
        *reason = SG_REJECT_DUPLICATE;
    *again = repeated && strlen(a->text) >= TELLING;
    return SG_OK;
}

static void count(struct streak *s, enum sg_reject reason, int again)
{
    if (reason == SG_ACCEPTED || reason == SG_N_REJECTS) {
        int64_t n_since = s->n_since_good + 1, n_good = s->n_good + (reason == SG_ACCEPTED);
        if (reason == SG_ACCEPTED)
            *s = (struct streak){0};
        s->n_since_good = n_since;
        s->n_good = n_good;
        return;
    }
    s->n_since_good = 0;
    s->n_bad++;
    s->of[reason]++;
    s->n_again += again;
}

static enum sg_reject most(const struct streak *s)
{
    enum sg_reject best = SG_REJECT_EMPTY;
    for (int k = 0; k < SG_N_REJECTS; k++)
        best = s->of[k] > s->of[best] ? (enum sg_reject)k : best;
    return best;
}

#define IGNORES_SEEDS                                                                                        \
    "the server may ignore temperature and seed (transformers serve does without do_sample in the model's "  \
    "generation_config.json)"

/* What to do about answers that are rejected for this. */
static const char *cure(enum sg_reject reason)
{
    switch (reason) {
    case SG_REJECT_REASONING:
        return "the model spends its tokens on thinking: switch that off (generator.extra: "
               "{chat_template_kwargs: "
               "{enable_thinking: false}} or {reasoning_effort: low}), or raise generator.max_tokens";
    case SG_REJECT_DUPLICATE:
        return "one text again and again: " IGNORES_SEEDS ", or the model knows no more";
    case SG_REJECT_CUT_OFF:
        return "raise generator.max_tokens, or the task file's max_tokens";
    case SG_REJECT_REFUSED:
        return "the model does not want to: change the task file's prompts, or ask another model";
    case SG_REJECT_EMPTY:
        return "nothing is in them: is it a chat model? structured_output=false asks for plain text";
    default:
        return "look at what the model writes: `synthgrid doctor STUDY` sends one of the study's requests";
    }
}

static void add_hint(const struct streak *s, struct sg_buf *out)
{
    sg_buf_puts(out, "; hint: ");
    if (2 * s->n_again > s->n_bad && most(s) != SG_REJECT_DUPLICATE)
        sg_buf_printf(out, "%lld of them are the same text as before: " IGNORES_SEEDS "; if that is not it, ",
                      (long long)s->n_again);
    sg_buf_puts(out, cure(most(s)));
}

/* "20 answers in a row (sst2 zero_shot) have no good example, 18 of them for \"reasoning\"; the last one: \"...\"" */
static void describe(const struct sg_acceptance *w, const struct streak *s, int64_t i, int of_consumer,
                     const struct sg_answer *a, struct sg_buf *out)
{
    enum sg_reject reason = most(s);
    sg_buf_printf(out, "%lld paid answers in a row", (long long)s->n_bad);
    if (of_consumer) {
        sg_buf_puts(out, " for ");
        sg_requests_name(w->requests, i, out);
    }
    sg_buf_printf(out, " have no good example (%s: %lld); the last one: ", sg_reject_name(reason),
                  (long long)s->of[reason]);
    if (sg_text_is_blank(a->text)) {
        sg_buf_puts(out, "no text");
    } else {
        sg_buf_puts(out, "\"");
        sg_buf_safe(out, a->text, SHOWN);
        sg_buf_puts(out, "\"");
    }
}

sg_status sg_acceptance_answer(struct sg_acceptance *w, int64_t i, const char *request,
                               const struct sg_answer *answer, struct sg_buf *warning, struct sg_buf *stop,
                               struct sg_err *err)
{
    int g = sg_requests_generator(w->requests, i);
    const struct sg_generator *of = &w->p->study->generator[g];
    struct streak *consumer = &w->consumer[i], *generator = &w->generator[g];
    enum sg_reject reason = SG_N_REJECTS;
    int again = 0;
    SG_TRY(look(w, i, request, answer, &reason, &again, err));
    count(consumer, reason, again);
    count(generator, reason, again);
    int64_t limit = of->max_rejected;
    int ends_generator = limit && generator->n_bad == limit,
        ends_consumer = limit && consumer->n_bad == limit && !consumer->n_good;
    if (ends_generator || ends_consumer) {
        const struct streak *s = ends_consumer ? consumer : generator;
        describe(w, s, i, ends_consumer, answer, stop);
        add_hint(s, stop);
        sg_buf_puts(stop, "; then run again (generator.max_rejected=0 goes on whatever comes)");
    } else if (consumer->n_bad == SG_ACCEPTANCE_WARN ||
               (generator->n_bad == SG_ACCEPTANCE_WARN && consumer->n_bad < SG_ACCEPTANCE_WARN)) {
        int of_consumer = consumer->n_bad == SG_ACCEPTANCE_WARN;
        const struct streak *s = of_consumer ? consumer : generator;
        describe(w, s, i, of_consumer, answer, warning);
        add_hint(s, warning);
        if (limit)
            sg_buf_printf(warning, "; buying ends after %lld (generator.max_rejected)", (long long)limit);
    }
    return SG_OK;
}
