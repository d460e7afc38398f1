/* OpenAI's Batch API: requests as a file of JSON lines, answered within 24 hours for less money (platform.openai.com/docs/guides/batch).
 *
 *     FILE *f = ...; sg_batch_line_add(&b, q, adapt) for each request, fwrite    what is asked
 *     sg_batch_api_upload(&api, path, name, file_id, err);
 *     sg_batch_api_create(&api, file_id, run_key, part, keys, &batch, err);               it is bought from here on
 *     sg_batch_api_get(&api, id, &batch, err) until sg_batch_info_is_over(&batch);
 *     sg_batch_api_fetch(&api, batch.output_file, f, err);                          and the same for error_file
 *     sg_batch_read(f, each, context, &n_damaged, err);                         each: sg_batch_classify
 *
 * A request's custom_id is its key. The order of answers is not kept; ids may be missing, unknown or there twice, and lines
 * damaged: what is not answered is the caller's to find. Metadata {run_key, part, keys} tells whose a batch is, so that one which was
 * made just before a crash is found again (sg_batch_api_list). Everything here blocks. */
#ifndef SG_GEN_LLM_BATCH_H
#define SG_GEN_LLM_BATCH_H

#include "gen/llm/http.h"

enum {
    SG_BATCH_MAX_REQUESTS = 50000,
    SG_BATCH_MAX_BYTES = 200000000, /* of a file */
    SG_BATCH_ID = 128,
};

/* ---- files ---- */

/* Appends the line that asks for q: its body is that of a live request. */
sg_status sg_batch_line_add(struct sg_buf *out, const struct sg_request *q, const struct sg_adapt *adapt,
                            struct sg_err *err) SG_MUST_USE;

/* One line of an output or error file. Strings are borrowed for the call. */
struct sg_batch_line {
    const char *custom_id;
    long http_status;       /* 0: it was not answered, `why` says why (expired, cancelled) */
    const char *request_id; /* NULL: not said */
    const char *body;       /* of the answer; NUL-terminated */
    size_t n_body;
    const char *why; /* redacted */
};

/* Reads a file from where it is to its end, a line at a time in bounded memory. What is no line of a batch is counted in
 * *n_damaged (added to it) and passed over. A failure of `each` ends it. */
sg_status
sg_batch_read(FILE *f, sg_status (*each)(void *context, const struct sg_batch_line *line, struct sg_err *err),
              void *context, int64_t *n_damaged, struct sg_err *err) SG_MUST_USE;

/* As sg_reply_classify for a live answer; `g` has the prices of a batch. Of a line without an answer: OUTAGE, not paid. */
struct sg_attempt sg_batch_classify(const struct sg_generator *g, const struct sg_request *q,
                                    const struct sg_batch_line *line, const struct sg_adapt *sent,
                                    struct sg_adapt *adapt, struct sg_answer *a);

/* ---- calls ---- */

struct sg_batch_api {
    const struct sg_http *http;
    const char *api_key_env; /* for messages */
    int64_t retries;         /* of calls that change nothing */
    int (*stopping)(void);   /* NULL: never */
    long http_status;        /* of the last call; 0: no answer came */
};

/* A batch as the provider tells of it. What it does not say is "" or -1. */
struct sg_batch_info {
    char id[SG_BATCH_ID], status[32];
    char input_file[SG_BATCH_ID], output_file[SG_BATCH_ID], error_file[SG_BATCH_ID];
    int64_t n_total, n_completed, n_failed;
    char run_key[SG_HEX], keys[SG_HEX]; /* metadata */
    int64_t part;
    char why[400]; /* why its file was refused, redacted */
};

/* completed, failed, expired or cancelled: nothing more will come. */
int sg_batch_info_is_over(const struct sg_batch_info *b);

/* All calls: SG_STOPPED when it may work later (network, no room, stopped), for a call that changes something without knowing
 * whether it did; SG_INPUT when it never will. */
sg_status sg_batch_api_upload(struct sg_batch_api *api, const char *path, const char *name,
                              char file_id[SG_BATCH_ID], struct sg_err *err) SG_MUST_USE;
sg_status sg_batch_api_create(struct sg_batch_api *api, const char *file_id, const char *run_key,
                              int64_t part, const char *keys, struct sg_batch_info *out,
                              struct sg_err *err) SG_MUST_USE;
sg_status sg_batch_api_get(struct sg_batch_api *api, const char *id, struct sg_batch_info *out,
                           struct sg_err *err) SG_MUST_USE;
sg_status sg_batch_api_cancel(struct sg_batch_api *api, const char *id, struct sg_batch_info *out,
                              struct sg_err *err) SG_MUST_USE;

/* All batches of the account, newest first, until `each` sets *enough. */
sg_status sg_batch_api_list(struct sg_batch_api *api,
                            sg_status (*each)(void *context, const struct sg_batch_info *b, int *enough,
                                              struct sg_err *err),
                            void *context, struct sg_err *err) SG_MUST_USE;

/* The file of this name and purpose=batch; file_id "" when there is none. *n_bytes: its size, -1 when not said. */
sg_status sg_batch_api_find_file(struct sg_batch_api *api, const char *name, char file_id[SG_BATCH_ID],
                                 int64_t *n_bytes, struct sg_err *err) SG_MUST_USE;
sg_status sg_batch_api_delete_file(struct sg_batch_api *api, const char *file_id,
                                   struct sg_err *err) SG_MUST_USE;

/* Replaces what is in `into` by a file's content, and goes back to its start. */
sg_status sg_batch_api_fetch(struct sg_batch_api *api, const char *file_id, FILE *into,
                             struct sg_err *err) SG_MUST_USE;

#endif
