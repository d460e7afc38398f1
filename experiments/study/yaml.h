/* YAML as a small tree in which every node knows where it stands.
 *
 * libyaml reads, the schema decides what a scalar means (experiments/study/schema.h): here all scalars are text, so
 * that a class called `no` or a date stays what it is. Refused, with file:line:column: anchors and aliases
 * (they can make a few bytes stand for gigabytes), tags, several documents, a key that stands twice, keys
 * that are no text, NUL characters, more than 16 levels, 20,000 nodes or 1 MiB, and text that looks like an
 * API key (also in a comment: the study's text goes into the results). */
#ifndef SG_EXPERIMENTS_STUDY_YAML_H
#define SG_EXPERIMENTS_STUDY_YAML_H

#include "base/err.h"
#include "experiments/study/arena.h"

#include <stddef.h>

enum { SG_YAML_MAX_BYTES = 1 << 20, SG_YAML_MAX_NODES = 20000, SG_YAML_MAX_DEPTH = 16 };

enum sg_yaml_kind { SG_YAML_SCALAR, SG_YAML_LIST, SG_YAML_MAP };

struct sg_yaml {
    enum sg_yaml_kind kind;
    const char *source; /* what messages call the text: a path, or "override train.epochs" */
    int line, column;   /* counted from 1; line 0: the source says enough */
    const char *text;   /* SCALAR: UTF-8, without NUL characters */
    int quoted;         /* SCALAR: written with quotes or as a block, so never null */
    int n;              /* LIST, MAP: children */
    struct sg_yaml *child, *next;
    const char *key; /* of a child of a MAP */
    int key_line, key_column;
};

/* Local. Parses n bytes of text into `arena`; *root is NULL for a text without content. has_lines 0: messages
 * name the source alone. SG_INPUT as said above. */
sg_status sg_yaml_parse(const char *source, int has_lines, const char *text, size_t n, struct sg_arena *arena,
                        struct sg_yaml **root, struct sg_err *err) SG_MUST_USE;

/* Whether a scalar is null: nothing, `~` or `null`, unquoted. */
int sg_yaml_is_null(const struct sg_yaml *node);

/* Writes "source:line:column: ..." and returns SG_INPUT; sg_yaml_fail_key points at the node's key. */
sg_status sg_yaml_fail(const struct sg_yaml *at, struct sg_err *err, const char *format, ...) SG_PRINTF(3, 4);
sg_status sg_yaml_fail_key(const struct sg_yaml *at, struct sg_err *err, const char *format, ...)
    SG_PRINTF(3, 4);

/* Where text holds what looks like an API key (the offset), or -1. */
long sg_yaml_find_secret(const char *text, size_t n);

#endif
