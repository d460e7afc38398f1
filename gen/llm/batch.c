#include "gen/llm/batch.h"

#include "base/backoff.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"

#include <curl/curl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct sg_backoff between_calls = {.first_s = 0.25, .factor = 2, .most_s = 30};

/* An upload or download may take long on a slow line, but not for ever. */
static const double FILE_TIMEOUT_S = 3600;
/* Of 100 batches or files each: more than an account can make while the provider keeps them. */
enum { MAX_PAGES = 1000 };
/* 50,000 answers of 100,000 bytes; a server that sends more does not answer our batch. */
static const size_t MAX_FILE = (size_t)5 << 30;

int sg_batch_info_is_over(const struct sg_batch_info *b)
{
    static const char *const over[] = {"completed", "failed", "expired", "cancelled"};
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++)
        if (strcmp(b->status, over[i]) == 0)
            return 1;
    return 0;
}

/* ---- one call ---- */

static int is_stopping(const struct sg_batch_api *api)
{
    return api->stopping && api->stopping();
}

/* Whether the same call may do better in a moment. */
static int is_passing(const struct sg_http_reply *r)
{
    long s = r->http_status;
    if (r->curl_code != CURLE_OK)
        return !r->too_large && r->curl_code != CURLE_PEER_FAILED_VERIFICATION &&
               r->curl_code != CURLE_SSL_CACERT_BADFILE && r->curl_code != CURLE_WRITE_ERROR;
    return s == 408 || s == 409 || s == 429 || s >= 500;
}

static void pause_s(const struct sg_batch_api *api, double seconds)
{
    for (double end = sg_now_s() + seconds; sg_now_s() < end && !is_stopping(api);)
        sg_sleep_us(20000);
}

/* What a call that failed says, as an error of ours. */
static sg_status failure_of(const struct sg_batch_api *api, const struct sg_http_reply *r, const char *what,
                            struct sg_err *err)
{
    char message[300];
    sg_reply_error_text(sg_buf_text(&r->body), r->body.len, message, sizeof message);
    const char *colon = message[0] ? ": " : "";
    if (is_stopping(api))
        return sg_fail(err, SG_STOPPED, "stopped as asked (%s)", what);
    if (r->too_large)
        return sg_fail(
            err, SG_INPUT,
            "%s: the server's answer is larger than any can be; hint: is that the provider's own address?",
            what);
    if (r->curl_code == CURLE_WRITE_ERROR)
        return sg_fail(err, SG_FAILED,
                       "%s: the answer cannot be written to the results folder; hint: is the disk full?",
                       what);
    if (r->curl_code != CURLE_OK)
        return sg_fail(err, is_passing(r) ? SG_STOPPED : SG_INPUT, "%s: %s", what,
                       curl_easy_strerror((CURLcode)r->curl_code));
    if (r->http_status == 401 || r->http_status == 403)
        return sg_fail(err, SG_INPUT,
                       "%s: the server refuses the key (HTTP %ld%s%s); hint: check the variable %s", what,
                       r->http_status, colon, message, api->api_key_env);
    if (is_passing(r))
        return sg_fail(err, SG_STOPPED, "%s: HTTP %ld%s%s", what, r->http_status, colon, message);
    if (r->http_status == 404)
        return sg_fail(err, SG_INPUT,
                       "%s: HTTP 404%s%s; hint: is it the account and the address that it was sent with, and "
                       "has it a batch "
                       "API?",
                       what, colon, message);
    return sg_fail(err, SG_INPUT, "%s: HTTP %ld%s%s", what, r->http_status, colon, message);
}

static int is_good(const struct sg_http_reply *r)
{
    return r->curl_code == CURLE_OK && r->http_status >= 200 && r->http_status < 300;
}

/* Calls, again after a passing failure where that does no harm. *o: the object that came, NULL where it went into a file. */
static sg_status ask(struct sg_batch_api *api, const struct sg_http_call *call, int is_harmless,
                     const char *what, json_t **o, struct sg_err *err)
{
    for (int64_t n = 0;; n++) {
        struct sg_http_reply r;
        if (call->into &&
            (fflush(call->into) || ftruncate(fileno(call->into), 0) || fseeko(call->into, 0, SEEK_SET)))
            return sg_fail(err, SG_FAILED, "%s: the file for it cannot be emptied", what);
        SG_TRY(sg_http_call(api->http, call, &r, err));
        api->http_status = r.curl_code == CURLE_OK ? r.http_status : 0;
        double asked_s = r.headers.limits.retry_after_s;
        sg_status status = SG_OK;
        int again = !is_good(&r) && is_harmless && is_passing(&r) && n < api->retries && !is_stopping(api);
        if (is_good(&r) && !call->into) {
            *o = sg_reply_json(sg_buf_text(&r.body), r.body.len, JSON_REJECT_DUPLICATES);
            if (!json_is_object(*o)) {
                json_decref(*o);
                *o = NULL;
                status = sg_fail(err, SG_STOPPED, "%s: the server's answer is no JSON object", what);
            }
        } else if (!is_good(&r) && !again)
            status = failure_of(api, &r, what, err);
        sg_http_reply_free(&r);
        if (!again)
            return status;
        pause_s(api, asked_s >= 0 ? fmin(asked_s, 60) : sg_backoff_s(&between_calls, n, NULL));
    }
}

/* ---- what comes back ---- */

/* Goes into addresses and the ledger: a server must not choose what they mean. */
static int is_id(const char *s)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return s[0] && strlen(s) < SG_BATCH_ID && strspn(s, allowed) == strlen(s);
}

static void take_id(const json_t *o, const char *name, char out[SG_BATCH_ID])
{
    const char *s = sg_json_text_or(o, name, "");
    snprintf(out, SG_BATCH_ID, "%s", is_id(s) ? s : "");
}

static int64_t take_count(const json_t *o, const char *name)
{
    int64_t n = sg_json_int_or(o, name, -1);
    return n >= 0 ? n : -1;
}

/* "errors": {"data": [{"code","message","line"}]} */
static void take_why(const json_t *o, char out[400])
{
    const json_t *list = json_object_get(json_object_get(o, "errors"), "data"),
                 *first = json_array_get(list, 0);
    const char *message = sg_json_text_or(first, "message", NULL);
    struct sg_buf b = sg_buf_make(4096);
    if (message)
        sg_buf_foreign(&b, message, 250);
    if (message && take_count(first, "line") >= 0)
        sg_buf_printf(&b, " (line %lld)", (long long)take_count(first, "line"));
    if (json_array_size(list) > 1)
        sg_buf_printf(&b, " and %zu more", json_array_size(list) - 1);
    snprintf(out, 400, "%s", sg_buf_text(&b));
    sg_text_whole(out);
    sg_buf_free(&b);
}

static int read_batch(const json_t *o, struct sg_batch_info *out)
{
    struct sg_batch_info b = {.part = -1};
    const json_t *counts = json_object_get(o, "request_counts"), *meta = json_object_get(o, "metadata");
    const char *status = sg_json_text_or(o, "status", NULL),
               *run_key = sg_json_text_or(meta, "run_key", NULL), *part = sg_json_text_or(meta, "part", NULL);
    take_id(o, "id", b.id);
    take_id(o, "input_file_id", b.input_file);
    take_id(o, "output_file_id", b.output_file);
    take_id(o, "error_file_id", b.error_file);
    b.n_total = take_count(counts, "total");
    b.n_completed = take_count(counts, "completed");
    b.n_failed = take_count(counts, "failed");
    take_why(o, b.why);
    if (status && strspn(status, "abcdefghijklmnopqrstuvwxyz_") == strlen(status))
        snprintf(b.status, sizeof b.status, "%s", status);
    const char *keys = sg_json_text_or(meta, "keys", NULL);
    if (keys && strlen(keys) < sizeof b.keys)
        snprintf(b.keys, sizeof b.keys, "%s", keys);
    if (run_key && strlen(run_key) < sizeof b.run_key)
        snprintf(b.run_key, sizeof b.run_key, "%s", run_key);
    if (part && !sg_parse_int64(part, &b.part))
        b.part = -1;
    *out = b;
    return b.id[0] && b.status[0];
}

static sg_status ask_batch(struct sg_batch_api *api, const struct sg_http_call *call, int is_harmless,
                           const char *what, struct sg_batch_info *out, struct sg_err *err)
{
    json_t *o = NULL;
    SG_TRY(ask(api, call, is_harmless, what, &o, err));
    int whole = read_batch(o, out);
    json_decref(o);
    return whole ? SG_OK : sg_fail(err, SG_STOPPED, "%s: the server's answer describes no batch", what);
}

/* ---- the calls ---- */

sg_status sg_batch_api_upload(struct sg_batch_api *api, const char *path, const char *name,
                              char file_id[SG_BATCH_ID], struct sg_err *err)
{
    const struct sg_http_part part[] = {{.name = "purpose", .text = "batch"},
                                        {.name = "file", .path = path, .filename = name}};
    struct sg_http_call call = {.method = "POST",
                                .path = "/files",
                                .n_parts = 2,
                                .part = part,
                                .timeout_s = FILE_TIMEOUT_S,
                                .stopping = api->stopping};
    json_t *o = NULL;
    SG_TRY(ask(api, &call, 0, "the requests cannot be uploaded", &o, err));
    take_id(o, "id", file_id);
    json_decref(o);
    return file_id[0] ? SG_OK : sg_fail(err, SG_STOPPED, "the server's answer to an upload names no file");
}

sg_status sg_batch_api_create(struct sg_batch_api *api, const char *file_id, const char *run_key,
                              int64_t part, const char *keys, struct sg_batch_info *out, struct sg_err *err)
{
    char *json = sg_strf(
        "{\"input_file_id\":\"%s\",\"endpoint\":\"/v1/chat/completions\",\"completion_window\":\"24h\","
        "\"metadata\":{\"run_key\":\"%s\",\"part\":\"%lld\",\"keys\":\"%s\"}}",
        file_id, run_key, (long long)part, keys);
    if (!json)
        return sg_fail_memory(err, 1024);
    struct sg_http_call call = {
        .method = "POST", .path = "/batches", .json = json, .timeout_s = 120, .stopping = api->stopping};
    sg_status status = ask_batch(api, &call, 0, "the batch cannot be created", out, err);
    sg_free(json);
    return status;
}

static sg_status ask_of_batch(struct sg_batch_api *api, const char *method, const char *id, const char *tail,
                              struct sg_batch_info *out, struct sg_err *err)
{
    char path[SG_BATCH_ID + 40], what[SG_BATCH_ID + 40];
    if (!is_id(id))
        return sg_fail(err, SG_INPUT,
                       "the ledger names a batch that can be none; hint: restore the ledger from a copy");
    snprintf(path, sizeof path, "/batches/%s%s", id, tail);
    snprintf(what, sizeof what, "batch %s", id);
    struct sg_http_call call = {.method = method, .path = path, .timeout_s = 60, .stopping = api->stopping};
    return ask_batch(api, &call, 1, what, out, err);
}

sg_status sg_batch_api_get(struct sg_batch_api *api, const char *id, struct sg_batch_info *out,
                           struct sg_err *err)
{
    return ask_of_batch(api, "GET", id, "", out, err);
}

sg_status sg_batch_api_cancel(struct sg_batch_api *api, const char *id, struct sg_batch_info *out,
                              struct sg_err *err)
{
    return ask_of_batch(api, "POST", id, "/cancel", out, err);
}

/* Goes through a list page by page, until *enough. A server that pages for ever is told of. */
static sg_status walk(struct sg_batch_api *api, const char *path, const char *what,
                      sg_status (*each)(void *context, const json_t *item, int *enough, struct sg_err *err),
                      void *context, struct sg_err *err)
{
    char after[SG_BATCH_ID] = "";
    for (int enough = 0, n = 0; !enough; n++) {
        if (n == MAX_PAGES)
            return sg_fail(err, SG_INPUT,
                           "%s has more than %d pages, which is no account's; hint: is that the provider's "
                           "own address?",
                           what, MAX_PAGES);
        char url[2 * SG_BATCH_ID];
        snprintf(url, sizeof url, "%s%slimit=100%s%s", path, strchr(path, '?') ? "&" : "?",
                 after[0] ? "&after=" : "", after);
        struct sg_http_call call = {.method = "GET", .path = url, .timeout_s = 60, .stopping = api->stopping};
        json_t *o = NULL;
        SG_TRY(ask(api, &call, 1, what, &o, err));
        const json_t *list = json_object_get(o, "data"), *item;
        sg_status status = SG_OK;
        char before[SG_BATCH_ID];
        memcpy(before, after, sizeof before);
        size_t i;
        json_array_foreach (list, i, item) {
            take_id(item, "id", after);
            if (status == SG_OK && !enough)
                status = each(context, item, &enough, err);
        }
        int more = json_is_true(json_object_get(o, "has_more")) && after[0] && strcmp(before, after) != 0;
        json_decref(o);
        SG_TRY(status);
        if (!more)
            break;
    }
    return SG_OK;
}

struct listing {
    sg_status (*each)(void *context, const struct sg_batch_info *b, int *enough, struct sg_err *err);
    void *context;
};

static sg_status on_batch(void *context, const json_t *item, int *enough, struct sg_err *err)
{
    struct listing *l = context;
    struct sg_batch_info b;
    return read_batch(item, &b) ? l->each(l->context, &b, enough, err) : SG_OK;
}

sg_status sg_batch_api_list(struct sg_batch_api *api,
                            sg_status (*each)(void *context, const struct sg_batch_info *b, int *enough,
                                              struct sg_err *err),
                            void *context, struct sg_err *err)
{
    struct listing l = {each, context};
    return walk(api, "/batches", "the list of batches", on_batch, &l, err);
}

struct search {
    const char *name;
    char *file_id;
    int64_t n_bytes;
};

static sg_status on_file(void *context, const json_t *item, int *enough, struct sg_err *err)
{
    struct search *s = context;
    const char *name = sg_json_text_or(item, "filename", NULL);
    (void)err;
    if (!name || strcmp(name, s->name) != 0)
        return SG_OK;
    take_id(item, "id", s->file_id);
    s->n_bytes = take_count(item, "bytes");
    *enough = s->file_id[0] != 0;
    return SG_OK;
}

sg_status sg_batch_api_find_file(struct sg_batch_api *api, const char *name, char file_id[SG_BATCH_ID],
                                 int64_t *n_bytes, struct sg_err *err)
{
    struct search s = {name, file_id, -1};
    file_id[0] = 0;
    SG_TRY(walk(api, "/files?purpose=batch", "the list of files", on_file, &s, err));
    *n_bytes = s.n_bytes;
    return SG_OK;
}

static sg_status file_path(const char *file_id, const char *tail, char path[SG_BATCH_ID + 40],
                           struct sg_err *err)
{
    if (!is_id(file_id))
        return sg_fail(err, SG_INPUT, "a file of a batch has a name that can be none");
    snprintf(path, SG_BATCH_ID + 40, "/files/%s%s", file_id, tail);
    return SG_OK;
}

sg_status sg_batch_api_delete_file(struct sg_batch_api *api, const char *file_id, struct sg_err *err)
{
    char path[SG_BATCH_ID + 40];
    SG_TRY(file_path(file_id, "", path, err));
    struct sg_http_call call = {.method = "DELETE", .path = path, .stopping = api->stopping};
    json_t *o = NULL;
    SG_TRY(ask(api, &call, 0, "a batch's file cannot be deleted", &o, err));
    json_decref(o);
    return SG_OK;
}

sg_status sg_batch_api_fetch(struct sg_batch_api *api, const char *file_id, FILE *into, struct sg_err *err)
{
    char path[SG_BATCH_ID + 40], what[SG_BATCH_ID + 40];
    SG_TRY(file_path(file_id, "/content", path, err));
    snprintf(what, sizeof what, "file %s of a batch", file_id);
    struct sg_http_call call = {.method = "GET",
                                .path = path,
                                .timeout_s = FILE_TIMEOUT_S,
                                .into = into,
                                .max_into = MAX_FILE,
                                .stopping = api->stopping};
    SG_TRY(ask(api, &call, 1, what, NULL, err));
    if (fflush(into) != 0 || fseeko(into, 0, SEEK_SET) != 0)
        return sg_fail(err, SG_FAILED,
                       "%s: it cannot be written to the results folder; hint: is the disk full?", what);
    return SG_OK;
}
