/* Fuzzes the judging of a server's reply: whatever it says comes to one kind of attempt with a printable reason, or to an answer
 * that can be stored; no key comes through, no number is a NaN, and no memory is lost.
 *
 * An input is a reply as a file: a line with the provider's letter (o, a, z), the status and, below 0, the curl code; header
 * lines; an empty line; the body. tests/fuzz/corpus/reply has those of tests/stub/faults.
 *
 *     build-fuzz/tests/fuzz/fuzz_reply -max_total_time=60 tests/fuzz/corpus/reply */
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "gen/llm/reply.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char key[] = "canary-0123456789abcdef";

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const struct sg_request question = {
    .key = "k",
    .canonical = TEXT(
        "{\"index\":0,\"max_tokens\":48,\"messages\":[],\"model\":\"m\",\"provider\":\"openai\",\"seed\":1,"
        "\"temperature\":1.0,\"top_p\":1.0}")};

/* The next line without its end; moves *p behind it. */
static size_t next_line(const char **p, const char *end, const char **line)
{
    const char *stop = memchr(*p, '\n', (size_t)(end - *p));
    *line = *p;
    *p = stop ? stop + 1 : end;
    return (size_t)((stop ? stop : end) - *line);
}

/* A macro, so that the report of a crash has the line. */
#define must(holds)                                                                                          \
    do {                                                                                                     \
        if (!(holds))                                                                                        \
            __builtin_trap();                                                                                \
    } while (0)

static void check_text(const char *text)
{
    must(!text || (sg_utf8_valid(text, strlen(text)) && !strstr(text, key)));
}

static void check_limits(const struct sg_server_limits *l)
{
    const double all[] = {l->retry_after_s, l->limit_requests,   l->limit_tokens,  l->left_requests,
                          l->left_tokens,   l->reset_requests_s, l->reset_tokens_s};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        must(!isnan(all[i]));
}

/* What is kept can be sent to rank 0 and read there. */
static void check_answer(const struct sg_answer *a)
{
    struct sg_err err;
    struct sg_answer again = {0};
    check_text(a->text);
    check_text(a->model);
    check_text(a->finish_reason);
    check_text(a->request_id);
    must(a->tokens_in >= 0 && a->tokens_out >= 0 && !isnan(a->cost_usd));
    char *json = sg_answer_to_json(a);
    must(json != NULL);
    must(sg_answer_from_json(json, strlen(json), &again, &err) == SG_OK);
    must(!a->text == !again.text && (!a->text || strcmp(a->text, again.text) == 0));
    sg_answer_free(&again);
    sg_free(json);
}

static void judge(const struct sg_reply *r, const char *provider)
{
    struct sg_generator g = {.provider = provider,
                             .model = "m",
                             .api_key_env = "KEY",
                             .usd_per_1m_input = 1,
                             .usd_per_1m_output = 2};
    struct sg_adapt adapt = {0};
    struct sg_answer a = {0};
    char why[600], names[80];
    struct sg_attempt t = sg_reply_classify(&g, &question, r, &adapt, &a);
    must(t.kind >= SG_ATTEMPT_ANSWERED && t.kind <= SG_ATTEMPT_ENDPOINT);
    must(t.kind == SG_ATTEMPT_REFUSED || (t.kind == SG_ATTEMPT_ENDPOINT) == (t.dead != SG_OK));
    must(t.kind == SG_ATTEMPT_ANSWERED || t.reason[0]);
    check_text(t.reason);
    for (const char *p = t.reason; *p; p++)
        must((unsigned char)*p >= ' ' && *p != 127);
    check_limits(&t.limits);
    if (t.kind == SG_ATTEMPT_ANSWERED) {
        sg_sha256_hex("k", 1, a.key); /* the client's part */
        check_answer(&a);
    }
    sg_answer_free(&a);
    sg_reply_tls_reason(r, why);
    sg_adapt_text(&adapt, names);
    char *wire = sg_wire_body(&question, &adapt); /* what was learned leaves a request that can be sent */
    must(wire != NULL);
    sg_free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *kept;
    struct sg_err err;
    if (!kept)
        must(sg_secret_remember(key, &kept, &err) == SG_OK);
    size_t before = sg_mem_now();
    char *copy = sg_strndup((const char *)data, n), *whole = copy ? sg_alloc(n + 1, 1) : NULL;
    must(whole != NULL);
    if (n) /* NULs too */
        memcpy(whole, data, n);
    const char *p = whole, *end = whole + n, *line;
    size_t k = next_line(&p, end, &line);
    const char *provider = k && line[0] == 'a' ? "anthropic" : k && line[0] == 'z' ? "azure" : "openai";
    long code = k > 1 ? strtol(line + 1, NULL, 10) : 200;
    struct sg_reply r = {.http_status = code < 0 ? 0 : code,
                         .curl_code = code < 0 && code > -100 ? (int)-code : 0,
                         .headers = sg_headers_make()};
    while (p < end && (k = next_line(&p, end, &line)) && !(k == 1 && line[0] == '\r'))
        sg_headers_add(&r.headers, line, k, 1000000000);
    r.body = p; /* whole[n] is 0 */
    r.n_body = (size_t)(end - p);
    r.why = r.curl_code ? p : NULL;
    judge(&r, provider);
    sg_free(whole);
    sg_free(copy);
    must(sg_mem_now() == before);
    return 0;
}
