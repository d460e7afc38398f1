/* A tree of topics in two levels, of method tree_topic, read from an LLM's lists: the first divides all that can be written about, then one
 * of each of its topics divides that one.
 *
 * Topics exclude each other by what they are asked for, and by name: a subtopic that folds (gen/pool/words.h) to a topic, to another
 * subtopic of its topic or to one of an earlier topic is dropped. A topic without subtopics is a leaf itself. Where a list has fewer than half
 * of what it was asked for it is asked for again, and adds to what is there, up to SG_MAX_TREE_LISTS times. Rank 0 only, pure. */
#ifndef SG_GEN_POOL_TREE_H
#define SG_GEN_POOL_TREE_H

#include "gen/pool/prompt.h"

struct sg_tree {
    int64_t n_topics, n_subtopics; /* asked for in a list */
    struct sg_topics top;
    struct sg_topics *under; /* (n_topics) subtopics of each */
    int64_t branch;          /* whose lists are read now; -1: the first level's */
    int64_t n_lists;         /* of it, so far */
};

sg_status sg_tree_create(int64_t n_topics, int64_t n_subtopics, struct sg_tree *out,
                         struct sg_err *err) SG_MUST_USE;
void sg_tree_free(struct sg_tree *t); /* leaves it empty */

int sg_tree_is_done(const struct sg_tree *t);

/* Reads the answer to the list that is read now; text NULL: there is none, but it was asked for. */
sg_status sg_tree_read(struct sg_tree *t, const struct sg_task *task, const char *text,
                       const char *finish_reason, struct sg_err *err) SG_MUST_USE;

/* The leaves, in the order in which prompts take them: the first subtopic of each topic, then the second of each, ..., as "subtopic
 * (topic)". out: empty. */
sg_status sg_tree_leaves(const struct sg_tree *t, struct sg_topics *out, struct sg_err *err) SG_MUST_USE;

#endif
