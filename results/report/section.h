/* The sections of a report, a row each: adding one is a line of SG_SECTIONS and its function, sg_section_NAME in section_NAME.c.
 *
 *     sg_status sg_section_spend(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
 *     {
 *         sg_doc_say(doc, ...);  sg_doc_table(doc, ...);  ...        the section is open; its errors are the document's
 *         return SG_OK;                                              without a block it is left out
 *     }
 */
#ifndef SG_RESULTS_REPORT_SECTION_H
#define SG_RESULTS_REPORT_SECTION_H

#include "results/report/doc.h"
#include "results/report/report_data.h"
#include "results/report/scores.h"

struct sg_section_input {
    const struct sg_report_data *d;
    const struct sg_scores *scores; /* NULL where they were not read: a section may be tried without */
    const char *file; /* the results.h5 that both were read from, for what else a section needs */
    const struct sg_report_data *other; /* NULL, or what --compare names */
    const struct sg_scores *other_scores;
    const char *other_file;
    const struct sg_report_data *second; /* NULL, or the same file with the other classifier's cells shown */
    const struct sg_scores *second_scores;
    const char *only; /* NULL: all sections; else the one of this name */
};

/* name, is_answer (its sentences stand on top), title; in the order of the report. */
#define SG_SECTIONS(X)                                                                                       \
    X(short, 0, "In short: what synthetic examples change")                                                  \
    X(help, 1, "Does synthetic data help beside raw rows?")                                                  \
    X(replace, 1, "Can it replace raw rows?")                                                                \
    X(method, 1, "Which method?")                                                                            \
    X(enough, 1, "How much synthetic data is enough?")                                                       \
    X(worth, 1, "How much is a label worth?")                                                                \
    X(diversity, 1, "Is diversity what helps?")                                                              \
    X(variety, 0, "How varied are the texts?")                                                               \
    X(measures, 0, "How close are the texts to raw rows?")                                                   \
    X(bias, 1, "Do the texts give their class away?")                                                        \
    X(encoder, 1, "Does the LLM's own accuracy tell?")                                                       \
    X(rephrase, 1, "What does rephrasing do?")                                                               \
    X(wording, 1, "How much is the prompt's wording?")                                                       \
    X(conditioning, 1, "Label first, or text first?")                                                        \
    X(generator, 1, "Which generator?")                                                                      \
    X(classifier, 1, "Does it hold with the other classifier?")                                              \
    X(transfer, 1, "Does it hold on other test sets?")                                                       \
    X(compare, 1, "This study beside the other one")                                                         \
    X(spread, 1, "Where does the spread come from?")                                                         \
    X(limits, 0, "What this study cannot tell")                                                              \
    X(accuracy, 0, "Accuracy and macro-F1")                                                                  \
    X(confusion, 0, "Which classes are taken for which")                                                     \
    X(llm, 0, "The LLM as a classifier")                                                                     \
    X(pools, 0, "Pools of synthetic examples")                                                               \
    X(texts, 0, "Texts of the pools beside the raw rows")                                                    \
    X(removed, 0, "What verification removed")                                                               \
    X(examples, 0, "What the LLM wrote")                                                                     \
    X(spend, 0, "Spend")                                                                                     \
    X(timeline, 0, "When cells were trained")                                                                \
    X(failed, 0, "Failed cells")                                                                             \
    X(provenance, 0, "Where these numbers come from")

struct sg_section {
    const char *name, *title; /* --section NAME; the question */
    int is_answer;            /* its sentences stand on top, and it is shown by default on a terminal */
    sg_status (*write)(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err);
};
extern const struct sg_section sg_sections[];
extern const int sg_n_sections;

#define SG_SECTION(name, is_answer, title)                                                                   \
    sg_status sg_section_##name(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err);
SG_SECTIONS(SG_SECTION)
#undef SG_SECTION

/* NULL for none. */
const struct sg_section *sg_section_of(const char *name);

/* "accuracy, spend, failed": all names, for messages and --help. */
void sg_section_names(char *out, size_t n_bytes);

/* All sections into a new document; one that has nothing to say is left out, or says so where it is in->only. */
sg_status sg_sections_write(const struct sg_section_input *in, struct sg_doc **out,
                            struct sg_err *err) SG_MUST_USE;

#endif
