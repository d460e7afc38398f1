/* A request to an LLM and its answer, as data: what is asked, its key, what came back. */
#ifndef SG_GEN_LLM_REQUEST_H
#define SG_GEN_LLM_REQUEST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/sha256.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* The `generator:` part of a study, or an entry of its `generators:`. Strings are borrowed from the study. */
struct sg_generator {
    const char *name;       /* in results, of `generators:`; NULL: the study has but `generator:` */
    const char *provider;   /* "openai", "anthropic", "azure", "llama": gen/llm/provider.h */
    const char *base_url;   /* NULL: the provider's variable, then its own address */
    const char *model_file; /* of "llama", a .gguf; else NULL */
    const char *model;
    const char *api_key_env; /* the variable's name */
    const char *ca_file;     /* PEM of the CAs to trust; NULL: the environment's, then the system's */
    double temperature, top_p;
    int n_omit;
    int *omit;         /* (n_omit) parameters that are not sent, ascending: sg_omit_name */
    const char *extra; /* members that are sent besides, a canonical JSON object; NULL: none */
    int64_t max_tokens, connections;
    int64_t requests_per_min, tokens_per_min; /* 0: no limit of our own */
    double timeout_s;                         /* of one request, 600 */
    int64_t retries;                          /* of transient failures, 8 */
    int64_t max_rejected; /* answers in a row without a good example, after which buying ends, 50; 0: never */
    const char *recording;                      /* path or NULL */
    double usd_per_1m_input, usd_per_1m_output; /* < 0: unknown */
    double batch_discount;                      /* what the batch API takes off these, 0.5 */
    int64_t batch_requests;                     /* of one batch at most */
    double usd_per_1m_cached_input; /* of input tokens that the usage tells as cached; <= 0: as others */
    const char *price_as_of, *price_source; /* of published prices; NULL: the study's own */
    const char *retired_on,
        *retired_source; /* the day from which its provider does not answer for it, by whom; NULL: not known */
    int allow_unknown_price; /* buy from somebody else's server whatever it costs */
};

/* What is sent, as canonical JSON (sorted keys, compact):
 * {"index":..,"max_tokens":..,"messages":[..],"model":"..","provider":"..",
 * "seed":..,"temperature":..,"top_p":..}, and "response_format":.. where structured output is asked for, "omit":["seed",..] and
 * "extra":{..} where generator.omit and generator.extra are set. What is omitted stands here all the same: it is not sent, but a seed
 * tells attempts from each other.
 * key = SHA-256 of that text: it determines the answer's place in the ledger; where the endpoint lives and whose key pays
 * does not enter. */
struct sg_request {
    char key[SG_HEX];
    char *canonical; /* sg_free */
};

/* A list of what is missing, whole or in parts, so that the texts of a large one are never in memory all at once:
 *
 *     struct sg_request_list part = {.max = 500};
 *     do {
 *         SG_TRY(sg_pool_advance(pool, lookup, ledger, &part, err));
 *         ... take its items ...
 *         sg_request_list_free(&part);
 *     } while (part.next);
 *
 * Who fills one calls sg_request_list_begin, and sg_request_list_has_room before each candidate. */
struct sg_request_list {
    int64_t n;
    struct sg_request *item;
    int64_t max;      /* of a part, >= 1; 0: the whole list is one part */
    int64_t next;     /* the candidate with which the next part begins; 0: the list is over, or begins */
    int64_t n_behind; /* candidates from there on: no more than so many are missing */
};
/* Takes the text of q. */
sg_status sg_request_list_add_take(struct sg_request_list *list, struct sg_request *q,
                                   struct sg_err *err) SG_MUST_USE;
void sg_request_list_free(struct sg_request_list *r); /* leaves it empty; it keeps its place */

/* The candidate with which this part begins. */
int64_t sg_request_list_begin(struct sg_request_list *list);
/* Whether candidate `at` is of this part: else it is behind it. */
int sg_request_list_has_room(struct sg_request_list *list, int64_t at);
/* For who stops at the first that is behind it, so that a part takes no longer than it is: how many are (n_behind, >= 1). */
void sg_request_list_set_behind(struct sg_request_list *list, int64_t n);

/* What a request counts of a limit on tokens: an estimate of its prompt (4 bytes a token) and all of max_tokens, as
 * OpenAI counts it. */
double sg_request_tokens(const struct sg_request *q);

/* The name that the results have for something of a generator: "generator_refused", or, where the study has several,
 * "generator_small_refused". */
void sg_generator_meta(const struct sg_generator *g, const char *what, char name[120]);

/* The name of parameter i that can be left out by hand, NULL behind the last. */
const char *sg_omit_name(int i);

/* Adds what requests are known by where g omits parameters or has extra members, nothing where it does not: "omit seed\n", "extra {..}\n". */
void sg_generator_more(const struct sg_generator *g, struct sg_buf *out);

/* The names of what g does not send, as canonical JSON has them. NULL without memory. */
json_t *sg_generator_omitted(const struct sg_generator *g);

/* Adds the same to an object of settings: "omit" and "extra", where it has them. */
void sg_generator_put_more(const struct sg_generator *g, json_t *settings);

/* Whether two generators omit the same, and have the same extra members. */
int sg_generator_same_more(const struct sg_generator *a, const struct sg_generator *b);

/* Whether both prices are known. */
int sg_generator_has_prices(const struct sg_generator *g);

/* What so many tokens cost; -1 where a price is unknown. */
double sg_generator_usd(const struct sg_generator *g, double tokens_in, double tokens_out);

/* The same, where so many of tokens_in were cached (what is more than them does not count). */
double sg_generator_usd_cached(const struct sg_generator *g, double tokens_in, double tokens_cached,
                               double tokens_out);

/* The most that one attempt can cost: a token has at least one byte, and the answer is as long as allowed. 0 where
 * a price is unknown. */
double sg_request_worst_usd(const struct sg_generator *g, const struct sg_request *q);

/* finish_reason of an answer without a text whose message held reasoning alone. */
#define SG_FINISH_REASONING "reasoning"

/* An LLM's answer to one request, or why there is none. Strings owned by whoever filled it. */
struct sg_answer {
    char key[SG_HEX];
    sg_status status;    /* SG_OK: an answer arrived (usable or not); SG_FAILED: gave up on this request;
                            SG_INPUT, SG_STOPPED: the    whole endpoint is unusable (key, address, billing) */
    char *reason;        /* one sentence when not SG_OK, redacted */
    char *text;          /* the completion; NULL when the message had no content */
    char *finish_reason; /* "stop", "length", "content_filter", ... */
    char *model;         /* as the server names it */
    char *request_id;    /* x-request-id or the body's id */
    int http_status, attempts;
    int64_t tokens_in, tokens_out;
    int tokens_estimated; /* usage was missing */
    double latency_s;
    double cost_usd; /* < 0: unknown price; the most it can have been when tokens are estimated */
};
void sg_answer_free(struct sg_answer *a);

/* Makes it the answer to a request that was given up on. */
void sg_answer_fail(struct sg_answer *a, const char *reason);

/* To and from one JSON object (for MPI messages, recordings and the ledger's import). The caller frees the
 * text with sg_free (NULL: no memory, or a text that is not UTF-8). */
char *sg_answer_to_json(const struct sg_answer *a);
sg_status sg_answer_from_json(const char *json, size_t n, struct sg_answer *out,
                              struct sg_err *err) SG_MUST_USE;

#endif
