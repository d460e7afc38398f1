/* Inside of measure.h: the texts that are measured, shared by measure_text_stats.c and measure_bias.c. */
#ifndef SG_EXPERIMENTS_RUN_MEASURE_BIAS_H
#define SG_EXPERIMENTS_RUN_MEASURE_BIAS_H

#include "experiments/run/measure.h"

#include <jansson.h>

/* Folded texts with their labels. */
struct texts {
    const struct sg_task *task;
    int64_t n;
    int32_t *label;
    char **part[2]; /* (n) each; part[1] NULL for single texts */
    const char **of_class[2];
};

/* Adds to `result` how varied the texts are, which words go with a class and how much the cues tell: "measures", "terms" and "cues" (measure.h). raw: the
 * sample of the task's raw rows that they are compared with; NULL: x is this sample. chosen (K), or NULL. */
sg_status sg_measure_bias(const struct texts *x, const struct texts *raw, const int64_t *chosen,
                          json_t *result, struct sg_err *err) SG_MUST_USE;

/* JSON has no NaN: an absent name is a number that does not exist. */
void sg_measure_set_real(json_t *o, const char *name, double x);

#endif
