/* The sections of a report, a row each: adding one is a function and its row in section.c. */
#ifndef SG_RESULTS_REPORT_SECTION_H
#define SG_RESULTS_REPORT_SECTION_H

#include "results/report/doc.h"
#include "results/report/report_data.h"
#include "results/report/scores.h"

struct sg_section_input {
    const struct sg_report_data *d;
    const struct sg_scores *scores;
    const struct sg_report_data *other; /* NULL, or what --compare names */
    const struct sg_scores *other_scores;
};

struct sg_section {
    const char *name, *title; /* --section NAME; the question */
    int is_answer;            /* its sentences stand on top, and it is shown by default on a terminal */
    sg_status (*write)(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err);
};
extern const struct sg_section sg_sections[];
extern const int sg_n_sections;

/* All sections into a new document; one that has nothing to say is left out. */
sg_status sg_sections_write(const struct sg_section_input *in, struct sg_doc **out,
                            struct sg_err *err) SG_MUST_USE;

#endif
