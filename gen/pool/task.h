/* A task: what its rows look like, its classes, and how an LLM is asked for it. One YAML file a task, read by
 * experiments/study/task_file.h (experiments/tasks/<name>.yaml draws the format); this is what the rest of the
 * program sees.
 *
 * Templates hold {placeholders}: {class} the readable class name, {classes} all of them, {topic}, {examples},
 * {n}, {first} and {second} (a row's texts), {text} (the same as {first}). A doubled brace is a brace.
 * Anything else in braces is an error when the task file is read. */
#ifndef SG_GEN_POOL_TASK_H
#define SG_GEN_POOL_TASK_H

#include "base/rows.h"

#include <stdint.h>

struct sg_class {
    char *name;     /* as in the data files: "negative" */
    char *readable; /* as in a prompt: "negative (the writer did not like the film)" */
};

/* Templates; NULL where a task has none. */
struct sg_prompts {
    char *system;
    char *zero_shot;       /* {class} */
    char *zero_shot_topic; /* {class} {topic} */
    char *few_shot;        /* {class} {examples}; for methods that show examples */
    char *example;         /* how one example reads inside {examples}: {class} {first} {second} */
    char *topics;          /* {n} */
    char *rephrase;        /* {class} {first} {second} */
    char *classify;        /* {classes} {first} {second} */
    char *error_driven;    /* {class} {examples}; of method_prompts: */
};

/* Another wording of the same task: what it does not say is as in the task. */
struct sg_variant {
    char *name;
    struct sg_prompts prompt, unconditioned;
};

/* Who chooses the class of an example: this program (the prompt names it), or the LLM, which writes a text and then the
 * line "Label: ..." with one of the {classes}. */
enum sg_conditioning { SG_BY_LABEL, SG_BY_NONE, SG_N_CONDITIONINGS };
const char *sg_conditioning_name(enum sg_conditioning c); /* "label", "none" */

/* A further test file of the same classes: another domain. */
struct sg_test_set_file {
    char *name, *file; /* file: as train_file */
};

/* source: what `synthgrid fetch data` gets, and what is known of it before that. Texts may be NULL, numbers 0: not said. */
struct sg_task_source {
    char *hf;                /* the data set on the Hub; NULL: hf_id */
    char *config, *revision; /* its part; the commit */
    char *train_split, *test_split;
    char *train_sha256, *test_sha256; /* of the files that `fetch data` writes */
    char *licence;
    char *elsewhere;                    /* a sentence: the rows are not on the Hub, and where they are */
    int64_t n_train, n_test, row_bytes; /* row_bytes: mean of a row's texts together */
};

struct sg_task {
    char *name, *title;
    char *first, *second; /* column names in the encoder's order; second NULL for a single text */
    char *label;          /* column name */
    int fields_unnamed; /* the file does not say the texts' columns: they are looked for, first is as it would be */
    enum sg_cut cut;
    enum sg_quotes quotes; /* data.quotes: of tables */
    int n_classes;
    struct sg_class *class_;
    char *dir;                    /* of its file; NULL: it was read from none */
    char *train_file, *test_file; /* inside <data.dir>/<task>/, or beside its file, or absolute */
    int n_test_sets;
    struct sg_test_set_file *test_set; /* test_sets:, in the order of their names */
    char *hf_id;                       /* Hugging Face data set, for people and `fetch`; may be NULL */
    struct sg_task_source source;
    int64_t max_tokens; /* of one completion; 0: the study's */
    /* The names that stand before the texts in prompts and completions ("Premise", "Hypothesis"), in the
     * order in which the LLM is to write them (BoolQ: passage, then question). Single texts: first_mark only.
     */
    char *first_mark, *second_mark;
    int second_comes_first; /* the LLM writes `second` before `first` */
    struct sg_prompts prompt;
    struct sg_prompts unconditioned; /* where the LLM chooses the class: no {class} but in `example` */
    int n_variants;
    struct sg_variant *variant; /* prompt_variants: */
    /* contamination: what gen/pool/contamination.h takes instead of its own where it is not NULL. guided and general are templates:
     * {label}, {part} (the first part of a row), {first_mark}, {second_mark}; guided also {data_set} and {split}. */
    struct {
        char *data_set, *split, *guided, *general;
    } contamination;
    char *text; /* of the file, as it was read */
    /* SHA-256 of the file's text without `unconditioned:`, `prompt_variants:`, `method_prompts:`, `contamination:`, `test_sets:` and `source:`, so that new wordings leave the pools of
     * the others as they are, and another test set leaves what the LLM was asked. */
    char digest[65];
};

/* Index of a class by its name in the data, or -1. */
int sg_task_class(const struct sg_task *t, const char *name);
void sg_task_free(struct sg_task *t);

/* The templates in force, borrowed from the task: its own, then those of the variant ("default": none), then the
 * unconditioned ones of either. 0 when there is no such variant. */
int sg_task_wording(const struct sg_task *t, const char *variant, enum sg_conditioning c,
                    struct sg_prompts *out);

#endif
