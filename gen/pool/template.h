/* Templates of prompts: text with {placeholders} (gen/pool/task.h). Local, pure. */
#ifndef SG_GEN_POOL_TEMPLATE_H
#define SG_GEN_POOL_TEMPLATE_H

#include "base/buf.h"

#include <stdint.h>

/* What a template's placeholders stand for; NULL where there is nothing. */
struct sg_template_values {
    const char *class_, *classes, *topic, *examples, *first, *second;
    int64_t n;
    /* Of the contamination probe (gen/pool/contamination.h): the row's label and its first part, the marks of both parts, and what the
     * data set and its part are called. */
    const char *label, *part, *first_mark, *second_mark, *data_set, *split;
};
/* Adds the template with its placeholders replaced; doubled braces are braces. SG_INPUT for one that has no
 * value. */
sg_status sg_template_fill(struct sg_buf *b, const char *pattern, const struct sg_template_values *v,
                           struct sg_err *err) SG_MUST_USE;

#endif
