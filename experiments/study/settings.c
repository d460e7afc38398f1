#include "experiments/study/settings.h"

#include "base/text.h"
#include "experiments/study/imports.h"
#include "gen/llm/batch.h"
#include "gen/llm/provider.h"
#include "gen/llm/unix_address.h"
#include "gen/pool/classify.h"
#include "gen/pool/pool.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const mix_names[] = {"raw", "synthetic", "raw+synthetic"};

const char *sg_mix_name(enum sg_mix m)
{
    return mix_names[m];
}

static const char *conditioning_choice(int i)
{
    return i < SG_N_CONDITIONINGS ? sg_conditioning_name((enum sg_conditioning)i) : NULL;
}

static const char *flag_choice(int i)
{
    static const char *const name[] = {"false", "true"};
    return i < 2 ? name[i] : NULL;
}

static const char *mix_choice(int i)
{
    return i < 3 ? mix_names[i] : NULL;
}

static const char *const classifier_names[SG_N_CELL_CLASSIFIERS] = {
    [SG_FINE_TUNE] = "fine_tune", [SG_PROBE] = "probe"};

const char *sg_cell_classifier_name(enum sg_cell_classifier c)
{
    return classifier_names[c];
}

static const char *classifier_choice(int i)
{
    return i < SG_N_CELL_CLASSIFIERS ? classifier_names[i] : NULL;
}

const char *sg_weighting_name(enum sg_weighting w)
{
    static const char *const name[SG_N_WEIGHTINGS] = {[SG_WEIGHT_NONE] = "none", [SG_WEIGHT_DIMP] = "dimp"};
    return name[w];
}

static const char *weighting_choice(int i)
{
    return i < SG_N_WEIGHTINGS ? sg_weighting_name((enum sg_weighting)i) : NULL;
}

const char *sg_verify_name(enum sg_verify v)
{
    static const char *const name[SG_N_VERIFIES] = {
        [SG_VERIFY_NONE] = "none", [SG_VERIFY_RAW_CLASSIFIER] = "raw_classifier", [SG_VERIFY_LLM] = "llm"};
    return name[v];
}

static const char *verify_choice(int i)
{
    return i < SG_N_VERIFIES ? sg_verify_name((enum sg_verify)i) : NULL;
}

static const char *few_shot_choice(int i)
{
    static const char *const name[] = {[SG_FEW_SHOT_OWN] = "own", [SG_FEW_SHOT_FIRST] = "first"};
    return i < 2 ? name[i] : NULL;
}

static const char *raw_draw_choice(int i)
{
    static const char *const name[] = {
        [SG_RAW_BALANCED] = "balanced", [SG_RAW_PROPORTIONAL] = "proportional"};
    return i < 2 ? name[i] : NULL;
}

static const char *method_choice(int i)
{
    return i < SG_N_METHODS ? sg_method_name((enum sg_method)i) : NULL;
}

int sg_settings_is_name(const char *text)
{
    size_t n = strlen(text);
    int good = isalnum((unsigned char)text[0]) && n <= 64;
    for (size_t i = 0; i < n; i++)
        good &= isalnum((unsigned char)text[i]) || strchr("._-", text[i]) != NULL;
    return good;
}

sg_status sg_settings_check_name(const struct sg_yaml *at, const char *key, const char *text,
                                 struct sg_err *err)
{
    if (sg_settings_is_name(text))
        return SG_OK;
    return sg_yaml_fail(at, err,
                        "%s must be a name of at most 64 letters, digits, '.', '_' and '-' that begins with "
                        "a letter or digit",
                        key);
}

static const char *quotes_choice(int i)
{
    return i < SG_N_QUOTES ? sg_quotes_name((enum sg_quotes)i) : NULL;
}

static sg_status check_provider(const struct sg_yaml *at, const char *key, const char *text,
                                struct sg_err *err)
{
    if (sg_provider_find(text))
        return SG_OK;
    char names[80];
    sg_provider_names(names);
    return sg_yaml_fail(at, err,
                        "%s must be %s; hint: openai is any endpoint that speaks its chat completions, and "
                        "the address goes into generator.base_url",
                        key, names);
}

static sg_status check_url(const struct sg_yaml *at, const char *key, const char *text, struct sg_err *err)
{
    if (sg_unix_address_path(text)) {
        const char *fault = sg_unix_address_fault(text);
        return fault ? sg_yaml_fail(at, err, "%s %s", key, fault) : SG_OK;
    }
    const char *host = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : "";
    size_t n_host = strcspn(host, "/?#");
    if (memchr(host, '@', n_host))
        return sg_yaml_fail(
            at, err, "%s must hold no user or password; hint: the key goes into an environment variable",
            key);
    if (!n_host || strpbrk(text, " \t\r\n"))
        return sg_yaml_fail(
            at, err, "%s must be an address like http://127.0.0.1:8080/v1 or unix:///tmp/me/llm.sock", key);
    /* A study's text goes into ledger, results.h5 and bundles; Azure's api-version is no secret. The text is not repeated. */
    const char *query = strchr(host, '?');
    if (query && (strncmp(query, "?api-version=", 13) != 0 || strpbrk(query + 13, "&;=")))
        return sg_yaml_fail(
            at, err,
            "%s must have nothing behind a ? but api-version, as a study is kept with its results; hint: an "
            "address "
            "with a key in it goes into the provider's variable (OPENAI_BASE_URL), which is not",
            key);
    return SG_OK;
}

static sg_status check_variable(const struct sg_yaml *at, const char *key, const char *text,
                                struct sg_err *err)
{
    int good = !isdigit((unsigned char)text[0]) && strlen(text) <= 128;
    for (const char *p = text; *p; p++)
        good &= isalnum((unsigned char)*p) || *p == '_';
    if (good)
        return SG_OK;
    /* The text is not repeated: it may be the key itself. */
    return sg_yaml_fail(at, err,
                        "%s must be the name of an environment variable, like OPENAI_API_KEY; hint: the key "
                        "itself belongs into "
                        "that variable, never into a file",
                        key);
}

int64_t sg_max_failed(const char *text, int64_t n_cells)
{
    size_t n = text ? strlen(text) : 0;
    char *end;
    if (!n)
        return -1;
    if (text[n - 1] != '%') {
        int64_t count;
        return sg_parse_int64(text, &count) && count >= 0 ? count : -1;
    }
    double share = strtod(text, &end);
    return strspn(text, "0123456789.") == n - 1 && end == text + n - 1 && n > 1 && share <= 100
               ? (int64_t)((double)n_cells * share / 100)
               : -1;
}

static sg_status check_max_failed(const struct sg_yaml *at, const char *key, const char *text,
                                  struct sg_err *err)
{
    if (!text[0] || sg_max_failed(text, 1) >= 0)
        return SG_OK;
    return sg_yaml_fail(at, err, "%s must be a number of cells, like 10, or a share of them, like 5%%", key);
}

/* What a request is made of besides: set by settings of their own, or what would make answers that are not read. */
static sg_status check_extra(const struct sg_yaml *at, const char *key, const char *name, struct sg_err *err)
{
    static const struct {
        const char *name, *hint;
    } ours[] = {
        {"model", "generator.model"},
        {"messages", "the task file's prompts"},
        {"system", "the task file's prompts.system"},
        {"max_tokens", "generator.max_tokens"},
        {"max_completion_tokens", "generator.max_tokens; it is renamed where the server wants that"},
        {"temperature", "generator.temperature"},
        {"top_p", "generator.top_p"},
        {"seed", "seeds.generation; generator.omit leaves it out"},
        {"response_format", "generator.structured_output"},
        {"n", "generator.examples_per_request: one answer a request is read"},
        {"best_of", "generator.examples_per_request: one answer a request is paid for"},
        {"api_key", "a key goes into the variable that generator.api_key_env names, never into a file"},
        {"api-key", "a key goes into the variable that generator.api_key_env names, never into a file"},
        {"authorization", "a key goes into the variable that generator.api_key_env names, never into a file"},
        {"stream", "leave it out: answers are read whole"},
        {"stream_options", "leave it out: answers are read whole"}};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strcasecmp(ours[i].name, name) == 0)
            return sg_yaml_fail_key(at, err, "%s cannot hold %s; hint: %s", key, name, ours[i].hint);
    return SG_OK;
}

#define STUDY(field)     .offset = offsetof(struct sg_settings, study.field)
#define GENERATOR(field) .offset = offsetof(struct sg_settings, generator.field)
#define LIST(field, n)   STUDY(field), .n_offset = offsetof(struct sg_settings, study.n)
#define RANGE(a, b)      .min = (a), .max = (b)
#define PRICE            "USD"

/* The order is the help's; groups stand together. */
static const struct sg_setting table[] = {
    {"study", SG_SET_TEXT, SG_SET_REQUIRED, STUDY(name), .check = sg_settings_check_name, .unit = "a name",
     .help = "the study's name; it stands in tables and names the results folder"},
    {"tasks", SG_SET_TEXTS, SG_SET_REQUIRED, .offset = offsetof(struct sg_settings, task_name),
     .n_offset = offsetof(struct sg_settings, n_task_names), .unit = "names or paths",
     .help = "which tasks, like tasks: [sst2, emotion]: names in experiments/tasks/, or paths to task files "
             "of one's own"},
    {"methods", SG_SET_CHOICES, 0, LIST(method, n_methods), .choice = method_choice,
     .groups_offset = offsetof(struct sg_settings, imports),
     .initial = "[zero_shot, zero_shot_topic, one_shot, few_shot_3, few_shot_5]",
     .help = "how examples are made: how the LLM is asked for them, or, free, of the raw rows (eda, "
             "mlm_insert, mlm_replace); {name: theirs, pool: FILE, text: COLUMN, label: COLUMN}: a pool that "
             "others have made"},
    {"conditioning", SG_SET_CHOICES, 0, LIST(conditioning, n_conditionings), .choice = conditioning_choice,
     .initial = "[label]",
     .help = "label: the prompt names the class of the example; none: the LLM writes a text, then chooses "
             "its class"},
    {"prompt_variants", SG_SET_TEXTS, 0, LIST(variant, n_variants), .initial = "[default]", .unit = "names",
     .check = sg_settings_check_name,
     .help = "wordings of the prompts: default, and names in the task files' prompt_variants"},
    {"rephrase", SG_SET_CHOICES, 0, LIST(rephrase, n_rephrase), .choice = flag_choice, .initial = "[false]",
     .help = "true: train on pools whose examples the LLM has said in other words; false: on the pools as "
             "they are"},
    {"rephrase_tasks", SG_SET_TEXTS, SG_SET_NULL, LIST(rephrase_task, n_rephrase_tasks), .unit = "names",
     .check = sg_settings_check_name, .help = "the tasks that `rephrase` holds for; empty: all"},
    {"verbalized.texts", SG_SET_INT, 0, STUDY(verbalized_texts), RANGE(2, SG_MAX_EXAMPLES), .initial = "5",
     .unit = "examples",
     .help = "method verbalized: texts that one request asks for, each with its probability "
             "(generator.examples_per_request is for other methods)"},
    {"verbalized.below", SG_SET_REAL, SG_SET_NULL, STUDY(verbalized_below), RANGE(1e-6, 1),
     .help = "method verbalized: ask for texts with a probability below this, like 0.1 (the tails of the "
             "distribution); empty: for all"},
    {"tree_topic.topics", SG_SET_INT, 0, STUDY(tree_topics), RANGE(2, SG_N_TOPICS), .initial = "5",
     .unit = "topics",
     .help = "method tree_topic: topics that exclude each other, into which the LLM divides a task"},
    {"tree_topic.subtopics", SG_SET_INT, 0, STUDY(tree_subtopics), RANGE(2, SG_N_TOPICS), .initial = "5",
     .unit = "topics", .help = "method tree_topic: into so many it then divides each of them"},
    {"error_driven.rounds", SG_SET_INT, 0, STUDY(error_rounds), RANGE(2, 20), .unit = "rounds",
     .initial = "3",
     .help = "of method error_driven: in so many the smallest size is filled; behind it a round ends "
             "whenever the "
             "pool has doubled"},
    {"sizes", SG_SET_INTS, SG_SET_NULL, LIST(size, n_sizes), RANGE(1, 1e7), .unit = "examples",
     .help = "synthetic training examples, like sizes: [100, 500]: prefixes of one pool; needed by every mix "
             "but raw"},
    {"raw", SG_SET_INTS, SG_SET_NULL, LIST(raw, n_raw), RANGE(1, 1e7), .unit = "examples",
     .help = "raw training examples, like raw: [100]; the smallest number also supplies the examples of "
             "few-shot prompts"},
    {"raw_draw", SG_SET_CHOICE, 0, STUDY(raw_draw), .choice = raw_draw_choice, .initial = "balanced",
     .help = "how raw rows are drawn, balanced: as many of each class, as far as there are; proportional: "
             "each class has its share of the training rows"},
    {"few_shot_rows", SG_SET_CHOICE, 0, STUDY(few_shot_rows), .choice = few_shot_choice, .initial = "own",
     .help =
         "where seeds.data is more than 1, own: each draw of the raw rows has few-shot pools of its own, "
         "all of which are bought; first: prompts show rows of the first draw alone, and only it is mixed "
         "with their pools"},
    {"mixes", SG_SET_CHOICES, 0, LIST(mix, n_mixes), .choice = mix_choice,
     .initial = "[raw, synthetic, raw+synthetic]", .help = "what the encoder is trained on"},
    {"weighting", SG_SET_CHOICES, 0, LIST(weighting, n_weightings), .choice = weighting_choice,
     .initial = "[none]",
     .help =
         "of synthetic examples in raw+synthetic cells, dimp: each counts by how probable a classifier of "
         "the cell's raw rows thinks its label, over how probable the model in training does"},
    {"verify", SG_SET_CHOICES, 0, LIST(verify, n_verifies), .choice = verify_choice, .initial = "[none]",
     .help = "of synthetic examples in raw+synthetic cells, raw_classifier: those stay whose label is what a "
             "classifier of the cell's raw rows says; llm: those of which the LLM, asked for the class of "
             "each, says no other class"},
    {"verify_generator", SG_SET_TEXT, SG_SET_NULL, STUDY(verify_generator), .unit = "a name",
     .check = sg_settings_check_name,
     .help = "the generator that verify: llm asks, one of `generators`; empty: the one that wrote the pool"},
    {"classifiers", SG_SET_CHOICES, 0, LIST(classifier, n_classifiers), .choice = classifier_choice,
     .initial = "[fine_tune]",
     .help = "what each cell trains, fine_tune: the encoder with a head; probe: logistic regression on the "
             "embeddings of the frozen encoder, in a small part of the time"},
    {"fine_tune_tasks", SG_SET_TEXTS, SG_SET_NULL, LIST(fine_tune_task, n_fine_tune_tasks), .unit = "names",
     .check = sg_settings_check_name,
     .help = "the tasks that fine_tune among `classifiers` holds for, where probe is one, too; empty: all"},
    {"probe.pooling", SG_SET_CHOICE, 0, STUDY(probe.pooling), .choice = sg_pooling_name, .initial = "mean",
     .help =
         "what of the encoder's last layer stands for a text: the mean of its tokens, or the first token; "
         "scaled to length 1"},
    {"probe.c", SG_SET_REAL, SG_SET_NULL, STUDY(probe.c), RANGE(1e-6, 1e6), .none = SG_PROBE_C_AUTO,
     .none_word = "auto", .initial = "1",
     .help =
         "inverse strength of the L2 penalty, as scikit-learn's LogisticRegression has it; auto: 0.01, 0.1, "
         "1, 10 or 100, "
         "whichever has the least loss in a cross-validation on the cell's training rows"},
    {"seeds.generation", SG_SET_INT, 0, STUDY(seeds_generation), RANGE(1, 1000), .unit = "seeds",
     .initial = "1", .help = "pools of each task and method: every one is bought"},
    {"seeds.data", SG_SET_INT, 0, STUDY(seeds_data), RANGE(1, 1000), .unit = "seeds", .initial = "1",
     .help = "draws of the raw examples"},
    {"seeds.train", SG_SET_INT, 0, STUDY(seeds_train), RANGE(1, 1000), .unit = "seeds", .initial = "1",
     .help = "training runs of the same rows: head, shuffles, dropout"},
    {"data.dir", SG_SET_TEXT, 0, STUDY(data_dir), .initial = SG_ROWS_USUAL_DIR, .unit = "a folder",
     .help = "where the rows are: <dir>/<task>/<file>"},
    {"data.train", SG_SET_TEXT, SG_SET_NULL, STUDY(train_name), .unit = "a file name",
     .help = "training rows in each task's folder; empty: as the task file says (train.jsonl)"},
    {"data.test", SG_SET_TEXT, SG_SET_NULL, STUDY(test_name), .unit = "a file name",
     .help = "test rows in each task's folder, like dev.jsonl; empty: as the task file says (test.jsonl)"},
    {"data.quotes", SG_SET_CHOICE, SG_SET_PLACE, STUDY(quotes), .choice = quotes_choice, .initial = "auto",
     .help = "quotes in CSV and TSV files of all tasks: csv (they open and close a field), plain (characters "
             "of the texts), auto "
             "(as the task file says, else told apart by the whole file)"},
    {"generator.provider", SG_SET_TEXT, SG_SET_OWN, GENERATOR(provider), .check = check_provider,
     .initial = "openai", .unit = "a provider", .help = SG_PROVIDER_HELP},
    {"generator.base_url", SG_SET_TEXT, SG_SET_NULL | SG_SET_OWN, GENERATOR(base_url), .check = check_url,
     .unit = "an address",
     .help = "the endpoint, like http://127.0.0.1:8080/v1, or unix:///PATH of a socket in a folder of mode "
             "0700; empty: $OPENAI_BASE_URL ($ANTHROPIC_BASE_URL, "
             "$AZURE_OPENAI_ENDPOINT), then the provider's own"},
    {"generator.ca_file", SG_SET_TEXT, SG_SET_NULL | SG_SET_PLACE, GENERATOR(ca_file), .unit = "a file",
     .help =
         "PEM file of the CAs that may vouch for the endpoint; empty: $CURL_CA_BUNDLE, $SSL_CERT_FILE, then "
         "the system's"},
    {"generator.model_file", SG_SET_TEXT, SG_SET_NULL | SG_SET_PLACE | SG_SET_OWN, GENERATOR(model_file),
     .unit = "a file",
     .help = "for provider llama: a model in GGUF format, the same on all nodes; generator.model names it in "
             "the results"},
    {"generator.model", SG_SET_TEXT, SG_SET_OWN, GENERATOR(model), .initial = "gpt-3.5-turbo",
     .unit = "a model's name", .help = "the model, as the endpoint calls it"},
    {"generator.api_key_env", SG_SET_TEXT, SG_SET_OWN, GENERATOR(api_key_env), .check = check_variable,
     .initial = "OPENAI_API_KEY", .unit = "a variable's name",
     .help = "the environment variable that holds the key (never the key), ANTHROPIC_API_KEY for anthropic; "
             "unset: "
             "a server that wants none"},
    {"generator.temperature", SG_SET_REAL, 0, GENERATOR(temperature), RANGE(0, 2), .initial = "1.0",
     .help = "sampling temperature"},
    {"generator.top_p", SG_SET_REAL, 0, GENERATOR(top_p), RANGE(0, 1), .initial = "1.0",
     .help = "nucleus sampling"},
    {"generator.omit", SG_SET_CHOICES, SG_SET_NULL, GENERATOR(omit),
     .n_offset = offsetof(struct sg_settings, generator.n_omit), .choice = sg_omit_name,
     .help = "parameters that are not sent, like [temperature, top_p, seed], where a server does not take "
             "them; what it refuses "
             "in so many words is left out anyway"},
    {"generator.extra", SG_SET_JSON, SG_SET_NULL, GENERATOR(extra), .check = check_extra,
     .unit = "a group of members",
     .help = "sent with every request as it is, like {chat_template_kwargs: {enable_thinking: false}}; part "
             "of what the results "
             "are known by"},
    {"generator.max_tokens", SG_SET_INT, 0, GENERATOR(max_tokens), RANGE(1, 1e6), .unit = "tokens",
     .initial = "256", .help = "of one completion, where the task file does not say"},
    {"generator.examples_per_request", SG_SET_INT, SG_SET_SHARED, STUDY(examples_per_request),
     RANGE(1, SG_MAX_EXAMPLES), .unit = "examples", .initial = "1",
     .help = "asked for in one request, as a numbered list; each is checked by itself"},
    {"generator.structured_output", SG_SET_FLAG, SG_SET_SHARED, STUDY(structured_output), .initial = "false",
     .help = "ask for JSON by a schema (response_format); an endpoint that knows none, or an answer that is "
             "none, is read as plain text"},
    {"generator.connections", SG_SET_INT, SG_SET_NULL | SG_SET_PLACE, GENERATOR(connections), RANGE(1, 10000),
     .unit = "connections",
     .help =
         "requests in flight at once, all ranks together; empty: 4 for a server on this machine, else 16"},
    {"generator.requests_per_min", SG_SET_INT, SG_SET_NULL | SG_SET_PLACE, GENERATOR(requests_per_min),
     RANGE(1, 1e9), .unit = "requests/min",
     .help = "a rate of our own, all ranks together; empty: as fast as the endpoint lets us"},
    {"generator.tokens_per_min", SG_SET_INT, SG_SET_NULL | SG_SET_PLACE, GENERATOR(tokens_per_min),
     RANGE(1, 1e12), .unit = "tokens/min", .help = "the same, counted in tokens"},
    {"generator.timeout_s", SG_SET_REAL, 0, GENERATOR(timeout_s), RANGE(1, 86400), .unit = "s",
     .initial = "600", .help = "how long one request may take"},
    {"generator.retries", SG_SET_INT, 0, GENERATOR(retries), RANGE(0, 100), .unit = "times", .initial = "8",
     .help = "how often a request is sent again after a passing failure"},
    {"generator.max_rejected", SG_SET_INT, SG_SET_PLACE, GENERATOR(max_rejected), RANGE(0, 1e9),
     .unit = "answers", .initial = "50",
     .help = "in a row without one good example, after which buying ends; 0: never"},
    {"generator.usd_per_1m_input", SG_SET_REAL, SG_SET_NULL | SG_SET_OWN, GENERATOR(usd_per_1m_input),
     RANGE(0, 1e6), .none = -1, .unit = PRICE,
     .help =
         "price of a million input tokens; 0 for one's own server; empty: as data/prices.yaml says for the "
         "provider's own address, else unknown"},
    {"generator.usd_per_1m_output", SG_SET_REAL, SG_SET_NULL | SG_SET_OWN, GENERATOR(usd_per_1m_output),
     RANGE(0, 1e6), .none = -1, .unit = PRICE, .help = "price of a million output tokens; empty: unknown"},
    {"generator.batch_discount", SG_SET_REAL, SG_SET_PLACE, GENERATOR(batch_discount), RANGE(0, 1),
     .initial = "0.5", .help = "what the batch API (generate --batch) takes off both prices: 0.5 is half"},
    {"generator.batch_requests", SG_SET_INT, SG_SET_PLACE, GENERATOR(batch_requests),
     RANGE(1, SG_BATCH_MAX_REQUESTS), .unit = "requests", .initial = "50000",
     .help = "in one batch at most; a provider may limit what an account has in its queue"},
    {"generator.usd_per_1m_cached_input", SG_SET_REAL, SG_SET_NULL | SG_SET_PLACE | SG_SET_OWN,
     GENERATOR(usd_per_1m_cached_input), RANGE(0, 1e6), .none = -1, .unit = PRICE,
     .help = "price of a million input tokens that the provider says were cached; empty: as others"},
    {"generator.allow_unknown_price", SG_SET_FLAG, SG_SET_PLACE, GENERATOR(allow_unknown_price),
     .initial = "false",
     .help = "true: ask somebody else's server although nobody knows what it costs; no budget can hold then"},
    {"generator.recording", SG_SET_TEXT, SG_SET_NULL | SG_SET_SHARED, GENERATOR(recording), .unit = "a file",
     .help = "completions to import before anything is asked for; a study that they cover needs no key and "
             "no network"},
    {"generators", SG_SET_TREE, SG_SET_NULL, .offset = offsetof(struct sg_settings, generators),
     .unit = "names with settings of generator.* each",
     .help =
         "several LLMs as an axis, like generators: {small: {model: a}, large: {model: b}}; what they do not "
         "say is as in "
         "generator, but for provider, model, address, key and prices"},
    {"cache", SG_SET_TEXT, SG_SET_NULL | SG_SET_PLACE, STUDY(cache), .unit = "a folder",
     .help = "what studies share of what they have bought: it is read before anything is asked for, and this "
             "study's answers "
             "are added to it; unset: $SYNTHGRID_CACHE; empty: none"},
    {"budget.usd", SG_SET_REAL, SG_SET_NULL | SG_SET_PLACE, STUDY(budget_usd), RANGE(0, 1e9), .none = -1,
     .unit = PRICE,
     .help = "a hard limit on what the study may spend; needed where the endpoint has a price"},
    {"max_failed", SG_SET_TEXT, SG_SET_NULL | SG_SET_PLACE, STUDY(max_failed), .check = check_max_failed,
     .unit = "cells, or a share like 5%",
     .help = "a run stops in good order when more cells than that have failed, since what fails so often "
             "fails for "
             "one reason; empty: it goes on to the end"},
    {"filter.duplicates", SG_SET_FLAG, 0, STUDY(filter_duplicates), .initial = "true",
     .help = "drop synthetic examples that repeat an earlier one or a raw one"},
    {"filter.leakage", SG_SET_FLAG, 0, STUDY(filter_leakage), .initial = "true",
     .help = "drop synthetic examples that repeat a test row"},
    {"filter.near_duplicates", SG_SET_REAL, SG_SET_NULL, STUDY(filter_near), RANGE(SG_NEAR_MIN, 1), .none = 0,
     .none_word = "false", .initial = "false",
     .help =
         "drop synthetic examples whose three-word runs overlap this much (Jaccard index, like 0.8) with "
         "a training row, a test row or an earlier example; false: they are kept, and marked from 0.8 on"},
    {"llm_eval.shots", SG_SET_INTS, SG_SET_NULL, LIST(eval.shots, eval.n_shots),
     RANGE(0, SG_CLASSIFY_MAX_SHOTS), .unit = "examples",
     .help = "the LLM as a classifier of test rows, like [0, 1, 3, 5] labelled examples in the prompt; "
             "empty: it is "
             "not asked"},
    {"llm_eval.rows", SG_SET_INT, SG_SET_NULL, STUDY(eval.rows), RANGE(1, 1e9), .unit = "test rows",
     .help = "of each task, the same ones for all numbers of shots, stratified by class; empty: all"},
    {"llm_eval.seeds", SG_SET_INT, 0, STUDY(eval.seeds), RANGE(1, 1000), .initial = "1", .unit = "seeds",
     .help = "draws of the examples; without examples and at temperature 0 there is one evaluation"},
    {"llm_eval.temperature", SG_SET_REAL, 0, STUDY(eval.temperature), RANGE(0, 2), .initial = "0",
     .help = "sampling temperature of these answers"},
    {"llm_eval.max_tokens", SG_SET_INT, 0, STUDY(eval.max_tokens), RANGE(1, 1e6), .initial = "32",
     .unit = "tokens", .help = "of one answer"},
    {"contamination.rows", SG_SET_INT, 0, STUDY(contamination_rows), RANGE(0, 1e6), .unit = "test rows",
     .initial = "0",
     .help =
         "of each task, like 10: the LLM is asked to complete them, with and without the data set's name, "
         "which shows whether it has seen them; 0: it is not asked"},
    {"contamination.max_tokens", SG_SET_INT, 0, STUDY(contamination_max_tokens), RANGE(1, 1e6),
     .initial = "256", .unit = "tokens", .help = "of one such reply"},
    {"train.encoder", SG_SET_TEXT, 0, STUDY(encoder), .initial = "data/encoders/minilm-l6",
     .unit = "a folder, or owner/name",
     .help = "pre-trained encoder in Hugging Face format (BERT or RoBERTa family); a model on the Hub by its "
             "name, which `synthgrid fetch model` has fetched"},
    {"train.external", SG_SET_TEXT, SG_SET_NULL, STUDY(external), .unit = "a command",
     .help = "a program that trains the fine-tuned cells in place of synthgrid's own trainer: it gets a "
             "folder with rows and settings, and writes predictions (docs/external.md)"},
    {"train.layers", SG_SET_INT, SG_SET_NULL, STUDY(train.layers), RANGE(1, 1000), .unit = "layers",
     .help = "the encoder's first layers are used, and the rest is left out; empty: all"},
    {"train.freeze", SG_SET_INT, 0, STUDY(train.freeze), RANGE(0, 1000), .unit = "layers", .initial = "0",
     .help = "the embeddings and so many first layers stay as they are, without dropout: what they give is "
             "computed "
             "once a text; 0: all is trained"},
    {"train.epochs", SG_SET_INT, 0, STUDY(train.epochs), RANGE(1, 10000), .initial = "3",
     .help = "passes over the training rows; more where they would be fewer than train.min_steps"},
    {"train.steps", SG_SET_INT, SG_SET_NULL, STUDY(train.steps), RANGE(1, 1e9), .unit = "steps",
     .help = "optimiser steps, whatever the number of rows; empty: train.epochs and train.min_steps decide"},
    {"train.min_steps", SG_SET_INT, 0, STUDY(train.min_steps), RANGE(0, 1e9), .unit = "steps",
     .initial = "100",
     .help = "at least so many optimiser steps, however few rows there are: fewer learn little; 0: "
             "train.epochs alone"},
    {"train.batch", SG_SET_INT, 0, STUDY(train.batch), RANGE(1, 65536), .unit = "examples", .initial = "16",
     .help = "examples a step"},
    {"train.lr", SG_SET_REAL, SG_SET_NULL, STUDY(train.lr), RANGE(1e-12, 1), .none = SG_TRAIN_LR_AUTO,
     .none_word = "auto", .initial = "auto",
     .help = "peak learning rate of AdamW, after the warm-up; then linear decay to 0; auto: by the encoder's "
             "width, 5e-5 (768 / "
             "width)^2, from 1e-5 to 1e-3"},
    {"train.max_length", SG_SET_INT, 0, STUDY(train.max_length), RANGE(8, 65536), .unit = "tokens",
     .initial = "256", .help = "longer texts are cut; at most what the encoder has positions for"},
    {"train.warmup", SG_SET_REAL, 0, STUDY(train.warmup), RANGE(0, 1), .initial = "0.1",
     .help = "share of the steps, rounded down: fewer than ten have none by default"},
    {"train.weight_decay", SG_SET_REAL, 0, STUDY(train.weight_decay), RANGE(0, 10), .initial = "0.01",
     .help = "decoupled; none on biases and LayerNorm"},
    {"train.clip", SG_SET_REAL, 0, STUDY(train.clip), RANGE(0, 1e6), .initial = "1.0",
     .help = "largest norm of the gradient; 0: none"},
    {"train.dropout", SG_SET_REAL, SG_SET_NULL, STUDY(train.dropout), RANGE(0, 0.99), .none = -1,
     .help = "empty: as the encoder's config.json says"},
    {"train.lanes", SG_SET_INT, SG_SET_NULL, STUDY(train.lanes), RANGE(1, 64),
     .unit = "lanes, a power of two", .none_word = "auto", .initial = "auto",
     .help = "shares of a batch that are computed apart and summed in a fixed tree: part of the result, to "
             "the last bit"},
    {"train.precision", SG_SET_CHOICE, 0, STUDY(train.precision), .choice = sg_precision_name,
     .initial = "fp32",
     .help = "of matrix products, training and evaluation: bf16 rounds what they multiply and keeps sums, "
             "weights and "
             "optimiser in fp32; faster on processors with AVX512-BF16, the same bits on others with AVX2"},
    {"train.threads", SG_SET_INT, SG_SET_NULL | SG_SET_PLACE, STUDY(train.threads), RANGE(1, 1024),
     .unit = "threads", .none_word = "auto", .initial = "auto",
     .help = "threads of one rank, no more than lanes are of use; never changes a result"},
    {"train.seed", SG_SET_INT, SG_SET_TRAIN_ONLY, STUDY(train.seed), RANGE(0, 4294967295), .initial = "0",
     .help = "the seed of `synthgrid train` alone; a study says how many it wants in seeds.train"},
    {"results", SG_SET_TEXT, SG_SET_NULL | SG_SET_PLACE, STUDY(results), .unit = "a folder",
     .help = "empty: results/<study>"},
};
enum { N_TABLE = sizeof table / sizeof table[0] };
_Static_assert((int)N_TABLE <= (int)SG_SCHEMA_MAX, "sg_reading.at has a place for every row");

const struct sg_schema sg_study_schema = {table, N_TABLE, SG_SET_TRAIN_ONLY};

sg_status sg_settings_check_train(const struct sg_reading *r, const char *source,
                                  const struct sg_train_settings *s, struct sg_err *err)
{
    if (s->lanes & (s->lanes - 1))
        return sg_schema_fail(r, "train.lanes", source, err,
                              "train.lanes must be a power of two (1, 2, 4, ... 64), not %lld",
                              (long long)s->lanes);
    if (s->layers && s->freeze > s->layers)
        return sg_schema_fail(r, "train.freeze", source, err,
                              "train.freeze is %lld, but train.layers uses %lld; hint: 0 to %lld",
                              (long long)s->freeze, (long long)s->layers, (long long)s->layers);
    return SG_OK;
}

/* The rows of `synthgrid train`: what is stored inside sg_train_settings. */
static int is_train_row(const struct sg_setting *s)
{
    size_t first = offsetof(struct sg_settings, study.train);
    return s->offset >= first && s->offset < first + sizeof(struct sg_train_settings);
}

sg_status sg_settings_train(int n_overrides, const char *const *overrides, struct sg_train_settings *s,
                            struct sg_err *err)
{
    struct sg_setting row[N_TABLE];
    struct sg_schema schema = {row, 0, 0};
    for (int i = 0; i < N_TABLE; i++)
        if (is_train_row(&table[i]))
            row[schema.n++] = table[i];
    struct sg_settings all = {0};
    struct sg_reading r = {.schema = &schema, .arena = sg_arena_create(), .base = &all};
    if (!r.arena)
        return sg_fail_memory(err, 64);
    sg_status status = sg_schema_defaults(&r, err);
    for (int i = 0; status == SG_OK && i < n_overrides; i++)
        status = sg_schema_override(&r, overrides[i], err);
    if (status == SG_OK)
        status = sg_settings_check_train(&r, "settings", &all.study.train, err);
    sg_arena_destroy(r.arena);
    if (status == SG_OK)
        *s = all.study.train;
    return status;
}

void sg_settings_help(struct sg_buf *out)
{
    for (int i = 0; i < N_TABLE; i++) {
        const struct sg_setting *s = &table[i];
        sg_buf_printf(out, "  %s: ", s->key);
        sg_setting_describe(s, out);
        if (s->initial)
            sg_buf_printf(out, " (default %s)", s->initial);
        sg_buf_printf(out, "%s\n      %s\n", s->flags & SG_SET_REQUIRED ? " (required)" : "", s->help);
    }
}

static void json_text(const char *text, struct sg_buf *out)
{
    json_t *value = text ? json_string(text) : json_null();
    char *dumped = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    sg_buf_puts(out, dumped ? dumped : "null");
    free(dumped);
    json_decref(value);
}

static void json_list(const struct sg_setting *s, const void *slot, int n, const struct sg_study *study,
                      struct sg_buf *out)
{
    const void *list;
    memcpy(&list, slot, sizeof list);
    sg_buf_puts(out, "[");
    for (int i = 0; i < n; i++) {
        sg_buf_puts(out, i ? "," : "");
        if (s->type == SG_SET_INTS)
            sg_buf_printf(out, "%lld", (long long)((const int64_t *)list)[i]);
        else
            json_text(s->type == SG_SET_TEXTS ? ((char *const *)list)[i] : s->choice(((const int *)list)[i]),
                      out);
    }
    if (s->groups_offset)
        sg_imports_json(study, n, out);
    sg_buf_puts(out, "]");
}

static void json_value(const struct sg_setting *s, const struct sg_settings *base, struct sg_buf *out)
{
    const char *slot = (const char *)base + s->offset;
    int is_none = s->flags & SG_SET_NULL;
    switch (s->type) {
    case SG_SET_INT: {
        int64_t x = *(const int64_t *)(const void *)slot;
        if (is_none && (double)x == s->none)
            sg_buf_puts(out, "null");
        else
            sg_buf_printf(out, "%lld", (long long)x);
        break;
    }
    case SG_SET_REAL: {
        double x = *(const double *)(const void *)slot;
        char text[32];
        sg_format_double(x, text);
        sg_buf_puts(out, is_none && x == s->none ? "null" : text);
        break;
    }
    case SG_SET_FLAG:
        sg_buf_puts(out, *(const int *)(const void *)slot ? "true" : "false");
        break;
    case SG_SET_TEXT: {
        const char *text;
        memcpy(&text, slot, sizeof text);
        json_text(text, out);
        break;
    }
    case SG_SET_CHOICE:
        json_text(s->choice(*(const int *)(const void *)slot), out);
        break;
    case SG_SET_TREE:
        break; /* json_generators writes what has been made of it */
    case SG_SET_JSON: {
        const char *text;
        memcpy(&text, slot, sizeof text);
        sg_buf_puts(out, text ? text : "null");
        break;
    }
    default:
        json_list(s, slot, *(const int *)(const void *)((const char *)base + s->n_offset), &base->study, out);
    }
}

void sg_settings_value(const struct sg_setting *s, const struct sg_settings *of, struct sg_buf *out)
{
    if (s->type == SG_SET_TREE && !of->generators)
        sg_buf_puts(out, "null");
    for (int g = 0; s->type == SG_SET_TREE && of->generators && g < of->study.n_generators; g++)
        sg_buf_printf(out, "%s\"%s\"%s", g ? "," : "[", of->study.generator[g].name,
                      g + 1 == of->study.n_generators ? "]" : "");
    json_value(s, of, out);
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const struct sg_setting *const *)a)->key, (*(const struct sg_setting *const *)b)->key);
}

/* Rows of the JSON, sorted. '.' sorts before every letter, so that sorted paths are sorted groups of sorted names. */
static int json_rows(const struct sg_setting *row[N_TABLE])
{
    int n = 0;
    for (int i = 0; i < N_TABLE; i++)
        if (!(table[i].flags & (sg_study_schema.hidden | SG_SET_PLACE)))
            row[n++] = &table[i];
    qsort(row, (size_t)n, sizeof row[0], by_key);
    return n;
}

static int is_of_generator(const struct sg_setting *s)
{
    return strncmp(s->key, "generator.", 10) == 0;
}

/* {"large":{"model":...},"small":{...}} */
static void json_generators(const struct sg_settings *s, struct sg_buf *out)
{
    const struct sg_setting *row[N_TABLE];
    int n_rows = json_rows(row);
    struct sg_settings one = *s;
    for (int g = 0; g < s->study.n_generators; g++) {
        int n = 0;
        one.generator = s->study.generator[g];
        sg_buf_printf(out, "%s\"%s\":{", g ? "," : "{", one.generator.name);
        for (int i = 0; i < n_rows; i++)
            if (is_of_generator(row[i]) && !(row[i]->flags & SG_SET_SHARED)) {
                sg_buf_printf(out, "%s\"%s\":", n++ ? "," : "", row[i]->key + 10);
                json_value(row[i], &one, out);
            }
        sg_buf_puts(out, "}");
    }
    sg_buf_puts(out, "}");
}

void sg_settings_json(const struct sg_settings *s, struct sg_buf *out)
{
    const struct sg_setting *row[N_TABLE];
    const char *group = "";
    size_t n_group = 0;
    int n_rows = json_rows(row), n = 0;
    sg_buf_puts(out, "{");
    for (int i = 0; i < n_rows; i++) {
        int is_tree = row[i]->type == SG_SET_TREE;
        if (s->generators ? is_of_generator(row[i]) && !(row[i]->flags & SG_SET_SHARED) : is_tree)
            continue;
        const char *key = row[i]->key, *dot = strchr(key, '.');
        size_t len = dot ? (size_t)(dot - key) : 0;
        int same = len == n_group && strncmp(group, key, len) == 0;
        if (n_group && !same)
            sg_buf_puts(out, "}");
        sg_buf_puts(out, n++ ? "," : "");
        if (len && !same)
            sg_buf_printf(out, "\"%.*s\":{", (int)len, key);
        group = key;
        n_group = len;
        sg_buf_printf(out, "\"%s\":", dot ? dot + 1 : key);
        if (is_tree)
            json_generators(s, out);
        else
            json_value(row[i], s, out);
    }
    sg_buf_puts(out, n_group ? "}}" : "}");
}

/* Whether sg_settings_json writes group.name (group "": name alone). */
static int is_written(const char *group, const char *name)
{
    size_t n = strlen(group);
    for (int i = 0; i < N_TABLE; i++) {
        const char *key = table[i].key;
        if (table[i].flags & (sg_study_schema.hidden | SG_SET_PLACE))
            continue;
        if (n ? strncmp(key, group, n) == 0 && key[n] == '.' && strcmp(key + n + 1, name) == 0
              : !strchr(key, '.') && strcmp(key, name) == 0)
            return 1;
    }
    return 0;
}

/* The same of the entries of generators:. */
static const char *foreign_generator(json_t *generators)
{
    const char *name, *leaf;
    json_t *of, *value;
    json_object_foreach (generators, name, of) {
        if (!json_is_object(of))
            return name;
        json_object_foreach (of, leaf, value)
            if (!is_written("generator", leaf))
                return leaf;
    }
    return NULL;
}

const char *sg_settings_foreign(const json_t *settings)
{
    const char *group, *name;
    json_t *value, *leaf, *o = (json_t *)(uintptr_t)settings; /* jansson's loops take no const */
    json_object_foreach (o, group, value) {
        if (!json_is_object(value)) {
            if (!is_written("", group))
                return group;
            continue;
        }
        if (!group[0])
            return group;
        if (strcmp(group, "generators") == 0) {
            if ((name = foreign_generator(value)))
                return name;
            continue;
        }
        json_object_foreach (value, name, leaf)
            if (!is_written(group, name))
                return name;
    }
    return NULL;
}
