#include "base/file.h"
#include "base/secret.h"
#include "experiments/run/plan.h"
#include "experiments/study/prices.h"
#include "gen/llm/http.h"
#include "gen/llm/provider.h"

#include <stdlib.h>
#include <time.h>

struct needs {
    const struct sg_study *s;
    const struct sg_generator *g;
    struct sg_lacks *lacks;
    const char *of; /* "small: " where there are several */
    struct sg_err *err;
};

static sg_status need_file(const struct needs *x, const char *what, const char *key, const char *path)
{
    if (!path || sg_file_exists(path))
        return SG_OK;
    return sg_lacks_add(x->lacks, what, 0, x->err, "%s%s: no file %s", x->of, key, path);
}

/* As sg_endpoint_open has it. */
static sg_status need_money(const struct needs *x, int is_local)
{
    const struct sg_generator *g = x->g;
    int has_prices = sg_generator_has_prices(g);
    if (!has_prices && x->s->budget_usd >= 0)
        return sg_lacks_add(
            x->lacks, "prices", 0, x->err,
            "%sbudget.usd cannot be kept without the prices of %s; hint: set "
            "generator.usd_per_1m_input and generator.usd_per_1m_output (0 for a server of your own)",
            x->of, g->model);
    if (!has_prices && !is_local && !g->allow_unknown_price)
        return sg_lacks_add(x->lacks, "prices", 0, x->err,
                            "%swhat %s costs is not known; hint: set generator.usd_per_1m_input and "
                            "generator.usd_per_1m_output, and budget.usd",
                            x->of, g->model);
    if (has_prices && g->usd_per_1m_input + g->usd_per_1m_output > 0 && x->s->budget_usd < 0)
        return sg_lacks_add(
            x->lacks, "limit", 0, x->err,
            "the endpoint has a price, and the study no limit; hint: set budget.usd, or run with "
            "--max-usd");
    return SG_OK;
}

static sg_status need_endpoint(const struct needs *x)
{
    const struct sg_generator *g = x->g;
    const char *key = getenv(g->api_key_env), *address = sg_provider_address(g);
    struct sg_http *http = NULL;
    struct sg_err why = {0};
    if (key)
        key = key[0] ? key : NULL;
    else if (sg_secret_take(g->api_key_env, &key, &why) != SG_OK) /* from a file */
        SG_TRY(sg_lacks_add(x->lacks, "key", 1, x->err, "%s%s", x->of, why.text));
    SG_TRY(need_file(x, "certificates", "generator.ca_file", g->ca_file));
    if (!key && !address)
        SG_TRY(sg_lacks_add(x->lacks, "key", 0, x->err,
                            "%s%s is not set, and no server of one's own is named; hint: export %s, or set "
                            "generator.base_url or generator.recording",
                            x->of, g->api_key_env, g->api_key_env));
    int is_local = 0;
    if (sg_http_create(g, key, &http, &why) != SG_OK)
        SG_TRY(sg_lacks_add(x->lacks, "endpoint", 1, x->err, "%s%s", x->of, why.text));
    else
        is_local = sg_http_is_local(http);
    sg_http_destroy(http);
    if (!key && address && !is_local)
        SG_TRY(sg_lacks_add(x->lacks, "key", 0, x->err,
                            "%s%s is not set: right only for a server that needs no key", x->of,
                            g->api_key_env));
    struct sg_buf gone = sg_buf_make(1000);
    sg_status status = SG_OK;
    if (sg_price_retired(g, (double)time(NULL), &gone) == SG_MODEL_GONE)
        status = sg_lacks_add(x->lacks, "model", 0, x->err, "%s%s", x->of, sg_buf_text(&gone));
    sg_buf_free(&gone);
    return status == SG_OK ? need_money(x, is_local) : status;
}

sg_status sg_plan_needs(const struct sg_study *s, struct sg_plan_counts *n, struct sg_err *err)
{
    char of[80];
    for (int i = 0; i < s->n_generators; i++) {
        const struct sg_generator *g = &s->generator[i];
        struct needs x = {s, g, &n->lacks, of, err};
        snprintf(of, sizeof of, "%.40s%s", g->name ? g->name : "", g->name ? ": " : "");
        if (!n->of[i].n)
            continue;
        if (sg_provider_find(g->provider)->in_process) {
            SG_TRY(need_file(&x, "model", "generator.model_file", g->model_file));
            if (!g->model_file)
                SG_TRY(sg_lacks_add(&n->lacks, "model", 0, err, "%sgenerator.model_file is not set", of));
        } else
            SG_TRY(need_endpoint(&x));
    }
    double usd = sg_plan_usd(s, n);
    if (usd >= 0 && s->budget_usd >= 0 && n->spent_usd + usd > s->budget_usd)
        SG_TRY(sg_lacks_add(
            &n->lacks, "budget", 0, err,
            "about %.4f USD, with %.4f spent so far, are more than budget.usd allows (%.4f): a run "
            "stops there, with what it has bought; hint: a larger budget, fewer sizes, methods or seeds",
            usd, n->spent_usd, s->budget_usd));
    return SG_OK;
}
