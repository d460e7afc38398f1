#include "experiments/buying/dispatch_impl.h"

#include "base/crash.h"
#include "base/mem.h"
#include "base/tell.h"
#include "experiments/buying/completion.h"
#include "results/ledger/ledger_attempts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- attempts ---- */

sg_status sg_record_send(struct sg_dispatch_record *r, const struct sg_request *q, int number, int rank,
                         double worst_usd, int64_t *row, struct sg_err *err)
{
    struct sg_ledger_attempt x = {.key = q->key,
                                  .number = number,
                                  .rank = rank,
                                  .origin = r->origin,
                                  .worst_usd = worst_usd,
                                  .tokens_in = -1,
                                  .tokens_out = -1,
                                  .cost_usd = -1,
                                  .latency_s = -1};
    return sg_ledger_attempt_put(r->ledger, &x, row, err);
}

sg_status sg_record_end(struct sg_dispatch_record *r, int64_t row, const struct sg_attempt *attempt,
                        const struct sg_answer *answer, enum sg_request_outcome outcome, struct sg_err *err)
{
    int answered = attempt->kind == SG_ATTEMPT_ANSWERED, counted = answered || attempt->cost_usd >= 0;
    struct sg_ledger_attempt x = {.settled = !attempt->maybe_paid,
                                  .kind = sg_attempt_name(attempt->kind),
                                  .outcome = sg_request_outcome_name(outcome),
                                  .http_status = answer->http_status,
                                  .reason = answered ? NULL : attempt->reason,
                                  .tokens_in = counted ? answer->tokens_in : -1,
                                  .tokens_out = counted ? answer->tokens_out : -1,
                                  .cost_usd = counted ? answer->cost_usd : -1,
                                  .latency_s = answer->latency_s,
                                  .request_id = answer->request_id,
                                  .model = answer->model};
    return sg_ledger_attempt_end(r->ledger, row, &x, err);
}

/* ---- completions ---- */

sg_status sg_record_completion(struct sg_dispatch_record *r, const char *request,
                               const struct sg_answer *answer, int rank, int is_control, struct sg_err *err)
{
    char source[300];
    snprintf(source, sizeof source, "live %s", r->origin ? r->origin : "");
    SG_TRY(sg_completion_put(r->ledger, request, answer, is_control ? "control" : source, rank, err));
    sg_crash_site("answer_recorded", NULL);
    return SG_OK;
}

/* ---- the endpoint ---- */

sg_status sg_record_adapt(struct sg_dispatch_record *r, const struct sg_adapt *news, struct sg_err *err)
{
    char names[80], meta[120];
    if (!(news->refused & ~r->adapt.refused))
        return SG_OK;
    r->adapt.refused |= news->refused;
    sg_adapt_text(&r->adapt, names);
    sg_generator_meta(r->generator, "refused", meta);
    return sg_ledger_meta_set(r->ledger, meta, names, err);
}

sg_status sg_record_recall(struct sg_dispatch_record *r, struct sg_err *err)
{
    char meta[120], *names = NULL;
    sg_generator_meta(r->generator, "models", meta);
    SG_TRY(sg_ledger_meta_get(r->ledger, meta, &names, err));
    snprintf(r->models, sizeof r->models, "%s", names ? names : "");
    for (char *p = r->models; *p; p++)
        if (!isgraph((unsigned char)*p) &&
            *p != ' ') /* they are printed: a ledger from elsewhere is not believed */
            *p = '_';
    for (const char *p = r->models; *p; p += strcspn(p, " "), p += *p == ' ')
        r->n_models++;
    sg_free(names);
    return SG_OK;
}

static int has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return 1;
    return 0;
}

sg_status sg_record_model(struct sg_dispatch_record *r, const char *model, struct sg_err *err)
{
    char name[SG_RECORD_MODEL_NAME], meta[120];
    snprintf(name, sizeof name, "%s", model ? model : "");
    for (char *p = name; *p; p++)
        if (!isgraph((unsigned char)*p)) /* a blank would be two names, and a terminal is spared the rest */
            *p = '_';
    if (!name[0] || r->n_models >= SG_RECORD_MODELS || has_word(r->models, name))
        return SG_OK;
    if (r->n_models)
        sg_tell_warning("the server's answers now name the model %s, before it was %s; "
                        "the ledger has which one wrote what (completions.model)",
                        name, r->models);
    size_t n = strlen(r->models);
    snprintf(r->models + n, sizeof r->models - n, "%s%s", n ? " " : "", name);
    r->n_models++;
    sg_generator_meta(r->generator, "models", meta);
    return sg_ledger_meta_set(r->ledger, meta, r->models, err);
}
