#include "gen/llm/llama.h"

#include "base/cores.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "gen/llm/provider.h"

#include <jansson.h>
#include <llama.h>
#include <stdio.h>
#include <string.h>

enum {
    N_BATCH = 1024,       /* tokens of one step */
    MEAN_CONTEXT = 1024,  /* tokens of context a sequence; those that need more wait for room */
    LEAST_CONTEXT = 4096, /* that a long prompt alone may have */
    LEAST_SHARED = 8,     /* tokens of a prompt's beginning that are worth a copy */
    MAX_MESSAGES = 64,    /* of one request */
    MAX_PROMPT = 4 << 20, /* bytes */
    MAX_ANSWER = 16 << 20 /* bytes */
};

enum state { FREE, WAITING, RUNNING };

/* One request; slot s is sequence s + 1 of the context. */
struct slot {
    enum state state;
    int64_t id;
    char key[SG_HEX];
    llama_token *token; /* (n_prompt), then the last one sampled */
    int32_t n_prompt, n_copied, n_past, n_out, max_out;
    int32_t logits; /* place of its logits in the batch; -1: none */
    llama_token last;
    struct llama_sampler *sampler;
    struct sg_buf text;
    double started_s;
};

struct sg_llama {
    struct llama_model *model;
    struct llama_context *context;
    const struct llama_vocab *vocab;
    const char *template; /* of the chat; the model's */
    char *origin, *name;  /* name: "<file> sha256:<hex>", the model of every answer */
    struct llama_batch batch;
    int64_t n_slots, n_busy;
    struct slot *slot;
    int32_t n_context, n_reserved; /* tokens; of those under way and of the shared prompt */
    int can_share;
    llama_token *shared; /* (n_shared) the prompt in sequence 0 */
    int32_t n_shared;
};

/* libllama has one log for all; the last error is what a failure says. Loading is done by one thread at a time. */
static char last_error[300];

static void on_log(enum ggml_log_level level, const char *text, void *context)
{
    (void)context;
    if (level == GGML_LOG_LEVEL_ERROR)
        snprintf(last_error, sizeof last_error, "%.*s", (int)strcspn(text, "\n"), text);
}

/* ---- the model ---- */

static sg_status digest_of(const char *path, char hex[SG_HEX], struct sg_err *err)
{
    FILE *f = fopen(path, "rb");
    struct sg_sha256_stream *sha = sg_sha256_create();
    char *piece = sg_alloc(1 << 20, 1);
    size_t n;
    sg_status status = sha && piece ? SG_OK : sg_fail_memory(err, 1 << 20);
    if (status == SG_OK && !f)
        status =
            sg_fail(err, SG_INPUT, "%s: cannot be read; hint: generator.base_url names a .gguf file", path);
    while (status == SG_OK && (n = fread(piece, 1, 1 << 20, f)) > 0)
        sg_sha256_add(sha, piece, n);
    if (status == SG_OK && ferror(f))
        status = sg_fail(err, SG_INPUT, "%s: cannot be read to its end", path);
    if (sha)
        sg_sha256_finish_hex(sha, hex);
    sg_free(piece);
    if (f)
        fclose(f);
    return status;
}

static sg_status load(struct sg_llama *l, const char *path, struct sg_err *err)
{
    char hex[SG_HEX] = "";
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    SG_TRY(digest_of(path, hex, err));
    l->origin = sg_strf("llama %s", file);
    l->name = sg_strf("%s sha256:%s", file, hex);
    if (!l->origin || !l->name)
        return sg_fail_memory(err, 2 * strlen(path));
    last_error[0] = '\0';
    l->model = llama_model_load_from_file(path, llama_model_default_params());
    if (!l->model)
        return sg_fail(err, SG_INPUT, "%s: libllama cannot load it (%s)", path, last_error);
    l->vocab = llama_model_get_vocab(l->model);
    l->template = llama_model_chat_template(l->model, NULL);
    struct llama_chat_message hello = {"user", "Hello."};
    if (!l->template || llama_chat_apply_template(l->template, &hello, 1, true, NULL, 0) < 0)
        return sg_fail(err, SG_INPUT, "%s: %s; hint: use an instruction-tuned model, or a llama.cpp server",
                       path,
                       l->template ? "libllama does not know its chat template" : "it has no chat template");
    return SG_OK;
}

static sg_status make_context(struct sg_llama *l, struct sg_err *err)
{
    struct llama_context_params p = llama_context_default_params();
    int64_t context = l->n_slots * MEAN_CONTEXT;
    int32_t trained = llama_model_n_ctx_train(l->model);
    if (context < LEAST_CONTEXT)
        context = LEAST_CONTEXT;
    p.n_ctx = (uint32_t)context;
    p.n_batch = p.n_ubatch = N_BATCH;
    p.n_seq_max = (uint32_t)l->n_slots + 1;
    p.n_threads = p.n_threads_batch = sg_cores();
    p.kv_unified = true; /* a copied beginning is then shared, not stored again */
    p.no_perf = true;
    l->context = llama_init_from_model(l->model, p);
    if (!l->context)
        return sg_fail(err, SG_FAILED,
                       "%s: no context of %lld tokens (%s); hint: fewer generator.connections", l->origin,
                       (long long)context, last_error);
    l->n_context = (int32_t)llama_n_ctx(l->context);
    l->can_share = !llama_model_is_recurrent(l->model) && !llama_model_is_hybrid(l->model) &&
                   llama_model_n_swa(l->model) == 0;
    l->batch = llama_batch_init(N_BATCH, 0, 1);
    l->shared = sg_alloc((size_t)trained + 1, sizeof *l->shared);
    return l->batch.token && l->shared ? SG_OK : sg_fail_memory(err, (size_t)trained * sizeof *l->shared);
}

sg_status sg_llama_create(const struct sg_generator *g, int64_t connections, struct sg_llama **out,
                          struct sg_err *err)
{
    int64_t most = (int64_t)llama_max_parallel_sequences() - 1;
    struct sg_llama *l = sg_alloc(1, sizeof *l);
    if (!l)
        return sg_fail_memory(err, sizeof *l);
    llama_log_set(on_log, NULL);
    llama_backend_init();
    l->n_slots = connections < 1 ? 1 : connections < most ? connections : most;
    l->slot = sg_alloc((size_t)l->n_slots, sizeof *l->slot);
    sg_status status = l->slot ? SG_OK : sg_fail_memory(err, (size_t)l->n_slots * sizeof *l->slot);
    if (status == SG_OK)
        status = load(l, sg_provider_address(g), err);
    if (status == SG_OK)
        status = make_context(l, err);
    if (status != SG_OK) {
        sg_llama_destroy(l);
        return status;
    }
    *out = l;
    return SG_OK;
}

void sg_llama_destroy(struct sg_llama *l)
{
    if (!l)
        return;
    if (l->slot)
        sg_llama_abandon(l);
    if (l->batch.token)
        llama_batch_free(l->batch);
    if (l->context)
        llama_free(l->context);
    if (l->model)
        llama_model_free(l->model);
    sg_free(l->slot);
    sg_free(l->shared);
    sg_free(l->origin);
    sg_free(l->name);
    sg_free(l);
}

const char *sg_llama_origin(const struct sg_llama *l)
{
    return l->origin;
}

const char *sg_llama_version(void)
{
    return "libllama " SG_LLAMA_VERSION;
}

/* ---- a request ---- */

static void clear(struct sg_llama *l, struct slot *s)
{
    if (s->state == RUNNING)
        llama_memory_seq_rm(llama_get_memory(l->context), (llama_seq_id)(s - l->slot) + 1, -1, -1);
    if (s->state == RUNNING)
        l->n_reserved -= s->n_prompt + s->max_out;
    l->n_busy -= s->state != FREE;
    if (s->sampler)
        llama_sampler_free(s->sampler);
    sg_free(s->token);
    sg_buf_free(&s->text);
    *s = (struct slot){0};
}

/* The tokens of a text; sg_free. */
static sg_status tokens_of(const struct sg_llama *l, const char *text, int is_prompt, llama_token **out,
                           int32_t *n, struct sg_err *err)
{
    int32_t len = (int32_t)strlen(text), room = len + 8;
    llama_token *token = sg_alloc((size_t)room, sizeof *token);
    if (!token)
        return sg_fail_memory(err, (size_t)room * sizeof *token);
    *n = llama_tokenize(l->vocab, text, len, token, room, is_prompt, true);
    if (*n < 0) {
        sg_free(token);
        return sg_fail(err, SG_FAILED, "a prompt has more tokens than bytes");
    }
    *out = token;
    return SG_OK;
}

/* "" or why the messages cannot be said. */
static sg_status read_messages(const struct sg_llama *l, const json_t *list, struct llama_chat_message *chat,
                               size_t *n, const char **why, struct sg_err *err)
{
    const json_t *m;
    size_t i;
    *why = "";
    *n = json_array_size(list);
    if (*n == 0 || *n > MAX_MESSAGES)
        *why = "it has too many messages";
    json_array_foreach (list, i, m) {
        llama_token *token = NULL;
        int32_t n_tokens = 0;
        if ((*why)[0])
            break;
        chat[i] = (struct llama_chat_message){sg_json_text_or(m, "role", NULL),
                                              sg_json_text_or(m, "content", NULL)};
        if (!chat[i].role || !chat[i].content || strlen(chat[i].content) > MAX_PROMPT)
            return sg_fail(err, SG_FAILED, "a request has a message of another shape");
        SG_TRY(tokens_of(l, chat[i].content, 0, &token, &n_tokens, err));
        for (int32_t k = 0; k < n_tokens; k++)
            if (llama_vocab_is_control(l->vocab, token[k]))
                *why = "a text in it holds a control token of the model";
        sg_free(token);
    }
    return SG_OK;
}

static struct llama_sampler *make_sampler(const json_t *o)
{
    struct llama_sampler *chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    double temperature = sg_json_number_or(o, "temperature", 0);
    double top_p = sg_json_number_or(o, "top_p", 0);
    if (temperature <= 0) {
        llama_sampler_chain_add(chain, llama_sampler_init_greedy());
        return chain;
    }
    if (top_p > 0 && top_p < 1)
        llama_sampler_chain_add(chain, llama_sampler_init_top_p((float)top_p, 1));
    llama_sampler_chain_add(chain, llama_sampler_init_temp((float)temperature));
    llama_sampler_chain_add(chain, llama_sampler_init_dist((uint32_t)sg_json_int_or(o, "seed", 0)));
    return chain;
}

/* Fills a slot; *why: "" or why this request will never work. */
static sg_status prepare(struct sg_llama *l, struct slot *s, const json_t *o, char why[200],
                         struct sg_err *err)
{
    struct llama_chat_message chat[MAX_MESSAGES];
    size_t n;
    const char *wrong;
    s->text = sg_buf_make(MAX_ANSWER); /* of a refusal, too */
    SG_TRY(read_messages(l, json_object_get(o, "messages"), chat, &n, &wrong, err));
    snprintf(why, 200, "%s", wrong);
    if (why[0])
        return SG_OK;
    int32_t len = llama_chat_apply_template(l->template, chat, n, true, NULL, 0);
    char *prompt = len >= 0 ? sg_alloc((size_t)len + 1, 1) : NULL;
    if (!prompt)
        return sg_fail_memory(err, (size_t)(len > 0 ? len : 1));
    llama_chat_apply_template(l->template, chat, n, true, prompt, len);
    sg_status status = tokens_of(l, prompt, 1, &s->token, &s->n_prompt, err);
    sg_free(prompt);
    if (status != SG_OK)
        return status;
    int64_t most = sg_json_int_or(o, "max_tokens", 0);
    int32_t trained = llama_model_n_ctx_train(l->model),
            room = l->n_context < trained ? l->n_context : trained;
    if (s->n_prompt == 0 || most < 1 || s->n_prompt + most > room)
        snprintf(why, 200,
                 "its prompt of %d tokens and answer of up to %lld do not fit into %d tokens of context",
                 (int)s->n_prompt, (long long)most, (int)room);
    s->max_out = (int32_t)most;
    s->sampler = make_sampler(o);
    return SG_OK;
}

sg_status sg_llama_send(struct sg_llama *l, int64_t id, const struct sg_request *q, struct sg_err *err)
{
    struct slot *s = l->slot;
    while (s < l->slot + l->n_slots && s->state != FREE)
        s++;
    if (s == l->slot + l->n_slots)
        return sg_fail(err, SG_FAILED, "all %lld sequences are busy", (long long)l->n_slots);
    json_t *o = json_loads(q->canonical, 0, NULL);
    if (!o)
        return sg_fail(err, SG_FAILED, "a request arrived damaged");
    char why[200] = "";
    sg_status status = prepare(l, s, o, why, err);
    json_decref(o);
    s->state = status == SG_OK ? WAITING : FREE;
    s->id = id;
    s->started_s = sg_now_s();
    memcpy(s->key, q->key, SG_HEX);
    l->n_busy += status == SG_OK;
    if (status != SG_OK)
        clear(l, s);
    else if (why[0]) { /* told at the next turn, as any other end */
        s->max_out = 0;
        sg_buf_puts(&s->text, why);
    }
    return status;
}

/* ---- a step ---- */

/* A copy without the bytes that are no UTF-8: a character that the last token has cut, or what a model made up. */
static char *whole_text(const struct sg_buf *b)
{
    struct sg_buf out = sg_buf_make(MAX_ANSWER);
    const char *s = sg_buf_text(b);
    for (size_t i = 0, n; i < b->len; i += n ? n : 1) {
        for (n = 4; n && !(i + n <= b->len && sg_utf8_valid(s + i, n)); n--)
            ;
        sg_buf_add(&out, s + i, n);
    }
    char *copy = out.failed ? NULL : sg_strdup(sg_buf_text(&out));
    sg_buf_free(&out);
    return copy;
}

static sg_status end(struct sg_llama *l, struct slot *s, const char *finish, sg_client_each each,
                     void *context, struct sg_err *err)
{
    struct sg_client_result r = {.id = s->id, .attempt = sg_attempt_make()};
    memcpy(r.answer.key, s->key, SG_HEX);
    r.answer.latency_s = sg_now_s() - s->started_s;
    if (finish) {
        r.attempt.kind = SG_ATTEMPT_ANSWERED;
        r.attempt.cost_usd = 0;
        r.answer.status = SG_OK;
        r.answer.text = whole_text(&s->text);
        r.answer.finish_reason = sg_strdup(finish);
        r.answer.model = sg_strdup(l->name);
        r.answer.tokens_in = s->n_prompt;
        r.answer.tokens_out = s->n_out;
    } else {
        r.attempt.kind = SG_ATTEMPT_REFUSED;
        snprintf(r.attempt.reason, sizeof r.attempt.reason, "%s", sg_buf_text(&s->text));
    }
    clear(l, s);
    sg_status status = each(context, &r, err);
    sg_answer_free(&r.answer);
    return status;
}

/* Takes the prompt of sequence 0 out, for another one. */
static void forget_shared(struct sg_llama *l)
{
    llama_memory_seq_rm(llama_get_memory(l->context), 0, -1, -1);
    l->n_reserved -= l->n_shared;
    l->n_shared = 0;
}

/* How long a prompt goes with another one. Its last token is always computed: its logits are what is wanted. */
static int32_t n_same(const struct slot *s, const llama_token *other, int32_t n)
{
    int32_t k = 0;
    while (k < n && k < s->n_prompt - 1 && other[k] == s->token[k])
        k++;
    return k;
}

/* Whether a prompt that is being computed will spare this one more than it can copy now. */
static int will_be_shared(const struct sg_llama *l, const struct slot *s)
{
    int32_t now = n_same(s, l->shared, l->n_shared);
    for (int64_t i = 0; l->can_share && i < l->n_slots; i++) {
        const struct slot *o = &l->slot[i];
        if (o->state == RUNNING && !o->n_copied && o->n_out == 0 &&
            n_same(s, o->token, o->n_prompt) >= now + LEAST_SHARED)
            return 1;
    }
    return 0;
}

/* Lets waiting requests in, in order of their slots, while the context has room for all that they may need. */
static void admit(struct sg_llama *l)
{
    for (int64_t i = 0; i < l->n_slots; i++) {
        struct slot *s = &l->slot[i];
        int32_t need = s->n_prompt + s->max_out;
        if (s->state != WAITING || !s->max_out || will_be_shared(l, s))
            continue;
        if (l->n_reserved + need > l->n_context && l->n_shared)
            forget_shared(l);
        if (l->n_reserved + need > l->n_context)
            continue;
        s->state = RUNNING;
        l->n_reserved += need;
        s->n_copied = n_same(s, l->shared, l->n_shared);
        if (s->n_copied < LEAST_SHARED)
            s->n_copied = 0;
        else
            llama_memory_seq_cp(llama_get_memory(l->context), 0, (llama_seq_id)i + 1, 0, s->n_copied);
        s->n_past = s->n_copied;
    }
}

/* A prompt that was computed becomes the shared one, when the one that is shared did not help it. */
static void share(struct sg_llama *l, const struct slot *s)
{
    if (!l->can_share || s->n_copied || l->n_reserved - l->n_shared + s->n_prompt > l->n_context)
        return;
    forget_shared(l);
    llama_memory_seq_cp(llama_get_memory(l->context), (llama_seq_id)(s - l->slot) + 1, 0, 0, s->n_prompt);
    memcpy(l->shared, s->token, (size_t)s->n_prompt * sizeof *l->shared);
    l->n_shared = s->n_prompt;
    l->n_reserved += s->n_prompt;
}

static void put(struct llama_batch *b, llama_token token, int32_t position, llama_seq_id sequence, int wanted)
{
    int32_t i = b->n_tokens++;
    b->token[i] = token;
    b->pos[i] = position;
    b->n_seq_id[i] = 1;
    b->seq_id[i][0] = sequence;
    b->logits[i] = (int8_t)wanted;
}

/* The next tokens of all that are under way: of those that write, one each; then prompts as far as there is room. */
static void fill(struct sg_llama *l)
{
    struct llama_batch *b = &l->batch;
    b->n_tokens = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < l->n_slots; i++) {
            struct slot *s = &l->slot[i];
            int writes = s->n_past >= s->n_prompt;
            if (s->state != RUNNING || writes == pass)
                continue;
            s->logits = -1;
            if (writes) {
                s->logits = b->n_tokens;
                put(b, s->last, s->n_past++, (llama_seq_id)i + 1, 1);
            }
            while (!writes && b->n_tokens < N_BATCH && s->n_past < s->n_prompt) {
                int is_last = s->n_past == s->n_prompt - 1;
                if (is_last)
                    s->logits = b->n_tokens;
                put(b, s->token[s->n_past], s->n_past, (llama_seq_id)i + 1, is_last);
                s->n_past++;
            }
        }
}

/* Samples the next token; *finish: why the answer is over, NULL while it goes on. */
static sg_status sample(struct sg_llama *l, struct slot *s, const char **finish, struct sg_err *err)
{
    char piece[256];
    *finish = NULL;
    s->last = llama_sampler_sample(s->sampler, l->context, s->logits);
    if (llama_vocab_is_eog(l->vocab, s->last)) {
        *finish = "stop";
        return SG_OK;
    }
    int32_t n = llama_token_to_piece(l->vocab, s->last, piece, sizeof piece, 0, false);
    for (int32_t k = 0; k < n; k++)
        sg_buf_add(&s->text, piece[k] ? &piece[k] : " ", 1);
    if (++s->n_out == s->max_out)
        *finish = "length";
    return sg_buf_check(&s->text, "an answer", err);
}

sg_status sg_llama_turn(struct sg_llama *l, int timeout_ms, sg_client_each each, void *context,
                        struct sg_err *err)
{
    const char *finish;
    if (!l->n_busy)
        sg_sleep_us(1000 * (int64_t)timeout_ms);
    for (int64_t i = 0; i < l->n_slots; i++)
        if (l->slot[i].state == WAITING && !l->slot[i].max_out)
            SG_TRY(end(l, &l->slot[i], NULL, each, context, err));
    admit(l);
    fill(l);
    if (!l->batch.n_tokens)
        return SG_OK;
    if (llama_decode(l->context, l->batch) != 0)
        return sg_fail(err, SG_FAILED, "%s: libllama cannot compute a step of %d tokens (%s)", l->origin,
                       (int)l->batch.n_tokens, last_error);
    for (int64_t i = 0; i < l->n_slots; i++) {
        struct slot *s = &l->slot[i];
        if (s->state != RUNNING || s->logits < 0)
            continue;
        if (!s->n_out)
            share(l, s);
        SG_TRY(sample(l, s, &finish, err));
        if (finish)
            SG_TRY(end(l, s, finish, each, context, err));
    }
    return SG_OK;
}

int sg_llama_is_busy(const struct sg_llama *l)
{
    return l->n_busy > 0;
}

void sg_llama_abandon(struct sg_llama *l)
{
    for (int64_t i = 0; i < l->n_slots; i++)
        clear(l, &l->slot[i]);
}
