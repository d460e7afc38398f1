/* What the sections of answers share: means over groups of cells, their differences, and the words for both. Private to results/report/.
 *
 * All means are over complete groups: where one of them has a hole there is no mean, and the section says what is missing. A claim is made
 * where p, adjusted by Holm within the family that the section names, is below SG_ANSWER_LEVEL; every other sentence holds SG_CANNOT. */
#ifndef SG_RESULTS_REPORT_ANSWER_H
#define SG_RESULTS_REPORT_ANSWER_H

#include "results/report/section.h"

#define SG_CANNOT       "cannot be told from this study"
#define SG_ANSWER_LEVEL 0.05

/* Mean accuracy of each row over n groups of one task: new memory (sg_free(y->y)). An axis that does not apply to some of them is the same for all
 * levels of the others; where some have one draw alone, all are taken at that draw. y->y NULL where there is none: no group, a hole, or designs that do not fit together. */
sg_status sg_answer_mean(const struct sg_scores *s, const struct sg_score_group *const *group, int64_t n,
                         struct sg_crossed *y, struct sg_err *err) SG_MUST_USE;

/* Whether both have the same rows, and on each axis the same levels or one of them a single one. */
int sg_answer_fits(const struct sg_crossed *a, const struct sg_crossed *b);

/* a - b, row by row, as above. */
sg_status sg_answer_subtract(const struct sg_crossed *a, const struct sg_crossed *b, struct sg_crossed *y,
                             struct sg_err *err) SG_MUST_USE;

void sg_answer_release(struct sg_crossed *y);

/* The mean of the groups a minus that of the groups b; NaN where there is none. needed (SG_N_AXES, may be NULL): what an interval of +-1 point
 * takes (sg_crossed_needed), of a difference. */
sg_status sg_answer_difference(const struct sg_scores *s, const struct sg_score_group *const *a, int64_t n_a,
                               const struct sg_score_group *const *b, int64_t n_b, struct sg_effect *out,
                               int64_t *needed, struct sg_err *err) SG_MUST_USE;

/* The mean of y, a share: its interval ends at 0 and 1. */
sg_status sg_answer_share(const struct sg_crossed *y, struct sg_effect *out, struct sg_err *err) SG_MUST_USE;

struct sg_effect sg_answer_none(void); /* all NaN */
/* sg_effect_detectable of one of n differences, at the level that Holm's correction begins with. */
double sg_answer_detectable(const struct sg_effect *e, int64_t n_family);
double sg_answer_round(double x); /* to two digits */
int sg_answer_told(double p);     /* p below the level; NaN is not */

enum { SG_ANSWER_TEXT = 160 };
/* "+2.1 points (95 % interval -0.3 to +4.5)" */
const char *sg_answer_points(const struct sg_effect *e, char text[SG_ANSWER_TEXT]);
/* "+2.1 (-0.3 to +4.5)" */
const char *sg_answer_brief(const struct sg_effect *e, char text[SG_ANSWER_TEXT]);
/* "p = 0.03", "p < 0.001" */
const char *sg_answer_p(double p, char text[SG_ANSWER_TEXT]);
/* "12 draws, or 900 rows"; "no number of seeds or rows alone" */
const char *sg_answer_needed(const int64_t needed[SG_N_AXES], char text[SG_ANSWER_TEXT]);
/* Adds a word to a list that is read aloud: "a", "a, b", and with the last one "a, b and c". */
void sg_answer_join(struct sg_buf *b, int64_t i, int64_t n, const char *word);

/* Of a comparison, by task: "better on sst2 by +3.1 (1.0 to 5.2); worse on ...; which is better cannot be told from this study on ...".
 * p: adjusted. Cases whose mean is NaN are left out; returns how many are not. */
struct sg_answer_case {
    const char *task;
    const struct sg_effect *e;
    double p;
};
int64_t sg_answer_better(const struct sg_answer_case *x, int64_t n, struct sg_buf *b);

/* Cells of a difference: its points, and its p. */
void sg_answer_effect_cell(struct sg_doc *doc, const struct sg_effect *e, const char *mark);
void sg_answer_p_cell(struct sg_doc *doc, double p);

/* The task's raw sizes, ascending, new memory (sg_free). */
sg_status sg_answer_raws(const struct sg_scores *s, int64_t task, int64_t **raw, int64_t *n,
                         struct sg_err *err) SG_MUST_USE;

/* Whether an LLM was asked for the examples of a group's method ("few_shot_3 dimp" is of the pools of few_shot_3): 0 for free pools and for
 * those that others have made. Of pools that are only planned it is not known, and taken for yes. */
int sg_answer_is_bought(const struct sg_report_data *d, int64_t task, const char *method);
/* Whether the method sees a pool in its own way: "eda dimp", "eda verified"; whether by what an LLM says of it, which has a price of its own:
 * "eda llm_verified". */
int sg_answer_is_view(const struct sg_report_data *d, int64_t task, const char *method);
int sg_answer_is_llm_verified(const struct sg_report_data *d, int64_t task, const char *method);

/* What means over methods are of. A view of a pool is no method of its own, and what is free answers another question: the plain pools of LLM
 * methods count; where a task has none of the mix, their views; then free and imported pools; then the views of those. */
enum sg_answer_part { SG_PART_LLM, SG_PART_LLM_VIEWS, SG_PART_OTHERS, SG_PART_OTHER_VIEWS };
enum sg_answer_part sg_answer_part(const struct sg_report_data *d, const struct sg_score_group *g);
/* The part that counts in the means of g's task and mix, and whether g does. */
enum sg_answer_part sg_answer_mean_part(const struct sg_scores *s, int64_t task, int mix);
int sg_answer_is_in_mean(const struct sg_scores *s, const struct sg_score_group *g);
/* "3 methods", "2 LLM methods" (is_some: others are left out), "2 views". */
const char *sg_answer_methods(int64_t n, enum sg_answer_part part, int is_some, char text[SG_ANSWER_TEXT]);
/* A paragraph, where means of the mix leave methods out: which are in, which are not. */
sg_status sg_answer_say_left_out(const struct sg_scores *s, int mix, struct sg_doc *doc,
                                 struct sg_err *err) SG_MUST_USE;

/* USD that an example of the task costs, over all pools that were bought, of the method that is named (NULL: of all): NaN where it is not
 * known, 0 where all pools are free. */
double sg_answer_example_cost(const struct sg_report_data *d, int64_t task, const char *method);
/* The same of what is in the means of a mix (sg_answer_is_in_mean): of views that an LLM verifies with that. */
double sg_answer_mean_cost(const struct sg_scores *s, int64_t task, int mix);

/* Two-sided p of the rank correlation within groups (values of one stand together) by 2,000 permutations within them; NaN where there is no
 * correlation. y is left in another order. */
double sg_answer_permutation_p(const double *x, double *y, const int64_t *group, int64_t n, uint64_t seed);

/* An axis of a study whose levels are compared: which level a method of a task is of, and its name without it; 0: it is none of the axis. */
struct sg_answer_axis {
    const char *name, *one, *many; /* "wording": of the section's tables; "wording", "wordings" */
    int (*level)(const void *context, int64_t task, const char *method, char level[200], char rest[200]);
    const void *context;
    int with_share;        /* says how much of the spread is the axis' */
    int with_free;         /* says whether what an LLM was paid for beats what is free */
    const char *if_single; /* what is said where no task has two levels; NULL: nothing */
};
sg_status sg_answer_compare(const struct sg_section_input *in, const struct sg_answer_axis *axis,
                            struct sg_doc *doc, struct sg_err *err) SG_MUST_USE;

#endif
