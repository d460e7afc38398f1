/* JSON: files read with a limit, without duplicate keys, with messages that name file and key; and members of objects.
 *
 * A member is read in one of two ways. Lenient (sg_json_..._or): what stands for it where it is absent or of another type is the
 * caller's. Strict: another type or a value out of bounds is SG_INPUT, with the file and the key in the message. */
#ifndef SG_BASE_JSON_H
#define SG_BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Reads and parses an object; json_decref it. SG_INPUT also for a Git LFS pointer, with the hint to fetch the
 * file. */
sg_status sg_json_read(const char *path, size_t max_bytes, json_t **out, struct sg_err *err) SG_MUST_USE;
sg_status sg_json_parse(const char *text, size_t n, const char *where, json_t **out,
                        struct sg_err *err) SG_MUST_USE;

/* Whether these are the first bytes of a Git LFS pointer: the text that stands for a file which was not
 * fetched. */
int sg_is_lfs_pointer(const char *text, size_t n);

/* object["type"], for messages too: "none" where there is no object. */
const char *sg_json_type(const json_t *object);

/* object[key] as a text, an integer (1.0 is none) or any number; `otherwise` where it is absent or of another type, or where there is
 * no object. The text is borrowed from the object. */
const char *sg_json_text_or(const json_t *object, const char *key, const char *otherwise);
int64_t sg_json_int_or(const json_t *object, const char *key, int64_t otherwise);
double sg_json_number_or(const json_t *object, const char *key, double otherwise);

/* object[key] as a text (borrowed), an integer in [low, high], a number, or a boolean; `missing` where the key is absent or
 * null, which must itself lie within the bounds. SG_INPUT for another type or a value out of bounds; `where` names the file. */
sg_status sg_json_text(const json_t *object, const char *key, const char *missing, const char *where,
                       const char **out, struct sg_err *err) SG_MUST_USE;
sg_status sg_json_int(const json_t *object, const char *key, int64_t missing, int64_t low, int64_t high,
                      const char *where, int64_t *out, struct sg_err *err) SG_MUST_USE;
sg_status sg_json_number(const json_t *object, const char *key, double missing, const char *where,
                         double *out, struct sg_err *err) SG_MUST_USE;
sg_status sg_json_bool(const json_t *object, const char *key, int missing, const char *where, int *out,
                       struct sg_err *err) SG_MUST_USE;

/* A text of any bytes as at most n safe ones (sg_buf_safe; jansson takes UTF-8 alone), NULL being ""; NULL: no memory. A number, null where it is not finite. */
json_t *sg_json_safe(const char *text, size_t n);
json_t *sg_json_real(double x);

/* Adds the text of a value, which is taken (NULL: no memory). */
sg_status sg_json_put(struct sg_buf *b, json_t *value, struct sg_err *err) SG_MUST_USE;

/* A message that begins with an object: int64 length of its text, the text, then bytes of the caller's. put takes the object (NULL: no memory);
 * take leaves the place behind it in *at, and fails with "<what> is damaged: ..." (SG_FAILED). */
sg_status sg_json_put_head(struct sg_buf *b, json_t *head, struct sg_err *err) SG_MUST_USE;
sg_status sg_json_take_head(const void *bytes, size_t n, const char *what, json_t **head, size_t *at,
                            struct sg_err *err) SG_MUST_USE;

/* Adds a sentence for people to an array, of at most 1000 safe characters; takes the text (sg_free), NULL being no memory. */
sg_status sg_json_add_sentence(json_t *list, char *text, struct sg_err *err) SG_MUST_USE;

#endif
