/* A table of settings, and the one engine that fills a struct from YAML by it.
 *
 * A setting is one row: its dotted key, type, unit, bounds, default, help and where it is stored. The same
 * row parses the file and the `key=value` override, checks, prints the help and writes the resolved JSON
 * (experiments/study/settings.c); task files have a table of their own (experiments/study/task_file.c). */
#ifndef SG_EXPERIMENTS_STUDY_SCHEMA_H
#define SG_EXPERIMENTS_STUDY_SCHEMA_H

#include "base/buf.h"
#include "experiments/study/arena.h"
#include "experiments/study/yaml.h"

#include <stdint.h>

enum sg_setting_type {
    SG_SET_TEXT,    /* char * */
    SG_SET_INT,     /* int64_t; a seed (uint64_t) too, its bounds keep it positive */
    SG_SET_REAL,    /* double */
    SG_SET_FLAG,    /* int */
    SG_SET_CHOICE,  /* int: index by choice() */
    SG_SET_TEXTS,   /* char **, and an int count at n_offset */
    SG_SET_INTS,    /* int64_t *, sorted, distinct */
    SG_SET_CHOICES, /* int *, in the order given, distinct */
    SG_SET_TREE,    /* const struct sg_yaml *: the table's owner reads it */
    SG_SET_JSON,    /* char *: a group of any members, as a canonical JSON object */
};

enum sg_setting_flag {
    SG_SET_REQUIRED = 1,   /* a file without it is refused */
    SG_SET_NULL = 2,       /* may be null: text NULL, numbers `none`, lists empty */
    SG_SET_TRAIN_ONLY = 4, /* `synthgrid train` has it, a study does not */
    SG_SET_PLACE = 8,      /* where or how fast a run works: no result depends on it */
    SG_SET_OWN = 16,       /* of generator.*: where a study has several generators, each says it for itself */
    SG_SET_SHARED = 32, /* of generator.*: where a study has several generators, it holds for all of them */
};

struct sg_setting {
    const char *key;
    enum sg_setting_type type;
    int flags;
    const char *unit;           /* NULL: none */
    double min, max;            /* of numbers and of each number in a list */
    double none;                /* what null is stored as */
    const char *none_word;      /* how null is written: "auto"; NULL: left empty */
    const char *initial;        /* the default as YAML; NULL: null (or required) */
    const char *(*choice)(int); /* name of choice i, NULL behind the last */
    sg_status (*check)(const struct sg_yaml *at, const char *key, const char *text,
                       struct sg_err *err); /* of a TEXT, or of each name of a JSON */
    const char *help;
    size_t offset, n_offset;
    size_t
        groups_offset; /* of a list of choices that may hold groups, too: const struct sg_yaml *, the list where it does, else NULL; 0: none may */
};

struct sg_schema {
    const struct sg_setting *row;
    int n;
    int hidden; /* flags of rows that are unknown here */
};

enum { SG_SCHEMA_MAX = 96 };

/* What has been read: the struct, and where each row was set last (NULL: the default). */
struct sg_reading {
    const struct sg_schema *schema;
    struct sg_arena *arena;
    void *base;
    const struct sg_yaml *at[SG_SCHEMA_MAX];
};

/* Local. Stores the defaults of all rows. */
sg_status sg_schema_defaults(struct sg_reading *r, struct sg_err *err) SG_MUST_USE;

/* Local. Applies a file's tree. SG_INPUT for what the table does not know or allow. */
sg_status sg_schema_apply(struct sg_reading *r, const struct sg_yaml *root, struct sg_err *err) SG_MUST_USE;

/* Local. The same for a tree that is the value of `path`, a row or a group. */
sg_status sg_schema_apply_at(struct sg_reading *r, const char *path, const struct sg_yaml *value,
                             struct sg_err *err) SG_MUST_USE;

/* Local. Applies "key=value". */
sg_status sg_schema_override(struct sg_reading *r, const char *key_value, struct sg_err *err) SG_MUST_USE;

/* Local, after file and overrides. SG_INPUT when a required row was never set. */
sg_status sg_schema_complete(const struct sg_reading *r, const char *source, struct sg_err *err) SG_MUST_USE;

/* Where row `key` was set last; NULL: never. */
const struct sg_yaml *sg_schema_at(const struct sg_reading *r, const char *key);

/* Fails at the row's place: "file:line:column: ..." or "<fallback>: ..." where the default is in use. */
sg_status sg_schema_fail(const struct sg_reading *r, const char *key, const char *fallback,
                         struct sg_err *err, const char *format, ...) SG_PRINTF(5, 6);

/* Adds "whole number from 1 to 10000": what the row takes. */
void sg_setting_describe(const struct sg_setting *s, struct sg_buf *out);

#endif
