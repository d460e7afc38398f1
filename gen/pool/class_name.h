/* Which class a word means, where the word was not copied from the data: an answer of an LLM, a line "Label: ...".
 *
 * Compared exactly first: with the names as they are in the data, then with the readable ones. Then folded (sg_buf_folded:
 * case, blanks and punctuation do not count), which is safe because no task has two classes that fold alike: "C++" and "C#"
 * would both be "c", "-1" and "1" both "1", two emoji both nothing. sg_task_read refuses such a task. What folds to nothing
 * is compared exactly alone. Local, pure. */
#ifndef SG_GEN_POOL_CLASS_NAME_H
#define SG_GEN_POOL_CLASS_NAME_H

#include "gen/pool/task.h"

#include <stddef.h>

/* The names of all classes, folded: 2 k is the name, 2 k + 1 the readable one. */
struct sg_class_names {
    const struct sg_task *task; /* borrowed */
    int n;                      /* 2 K */
    char **folded;
};

sg_status sg_class_names_create(const struct sg_task *t, struct sg_class_names *out,
                                struct sg_err *err) SG_MUST_USE;
void sg_class_names_free(struct sg_class_names *names); /* leaves it empty */

/* The class that the n bytes at s name, -1 when none or, folded, several. Blanks around them do not count; nor, where they
 * are no name as they stand, does decoration (stars, quotes, a full stop). */
sg_status sg_class_names_find(const struct sg_class_names *names, const char *s, size_t n, int *class_,
                              struct sg_err *err) SG_MUST_USE;

/* Whether two classes have names that are equal or that fold alike: then *a and *b (2 k or 2 k + 1, as above) are two of
 * them, else both -1. */
sg_status sg_class_names_clash(const struct sg_class_names *names, int *a, int *b,
                               struct sg_err *err) SG_MUST_USE;

/* Name i of the task, unfolded: 2 k, 2 k + 1 as above. */
const char *sg_class_names_text(const struct sg_class_names *names, int i);

/* Whether the n bytes at s cannot mean a name although both fold alike: "C#" is not "C++", "-1" is not "1". */
int sg_class_names_differ(const char *name, const char *s, size_t n);

/* sg_buf_folded of n bytes, in new memory. NULL without memory. */
char *sg_folded(const char *text, size_t n);

#endif
