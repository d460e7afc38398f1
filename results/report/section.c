#include "results/report/section.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* What a section says that was asked for and finds nothing, where it is more than "nothing". */
static const char *if_empty(const char *name)
{
    static const struct {
        const char *name, *words;
    } own[] = {{"failed", "No cell has failed."},
               {"compare", "There is no other study: --compare OTHER names one."}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i].name, name) == 0)
            return own[i].words;
    return "Nothing to say of this study.";
}

#define SG_SECTION(name, is_answer, title) {#name, title, is_answer, sg_section_##name},
const struct sg_section sg_sections[] = {SG_SECTIONS(SG_SECTION)};
const int sg_n_sections = (int)(sizeof sg_sections / sizeof *sg_sections);

const struct sg_section *sg_section_of(const char *name)
{
    for (int i = 0; i < sg_n_sections; i++)
        if (strcmp(sg_sections[i].name, name) == 0)
            return &sg_sections[i];
    return NULL;
}

void sg_section_names(char *out, size_t n_bytes)
{
    size_t n = 0;
    for (int i = 0; i < sg_n_sections && n < n_bytes; i++)
        n += (size_t)snprintf(out + n, n_bytes - n, "%s%s", i ? ", " : "", sg_sections[i].name);
}

/* "126 cells, 120 done, 4 failed, 2 still to do" */
static struct sg_doc *create(const struct sg_report_data *d)
{
    const char *study = json_string_value(json_object_get(d->provenance, "study"));
    char title[200], failed[40] = "", planned[40] = "", shown[60] = "", subtitle[260];
    snprintf(title, sizeof title, "Study %.100s", study ? study : "");
    sg_text_whole(title);
    if (d->n_failed)
        snprintf(failed, sizeof failed, ", %lld failed", (long long)d->n_failed);
    if (d->n_planned)
        snprintf(planned, sizeof planned, ", %lld still to do", (long long)d->n_planned);
    if (d->n_of[d->classifier] < d->n_cells)
        snprintf(shown, sizeof shown, "; shown: %lld of %s", (long long)d->n_of[d->classifier],
                 sg_report_classifier_name(d->classifier));
    snprintf(subtitle, sizeof subtitle, "%lld %s, %lld done%s%s%s", (long long)d->n_cells,
             sg_plural(d->n_cells, "cell", "cells"), (long long)d->n_done, failed, planned, shown);
    return sg_doc_create(title, subtitle);
}

static void warn(const struct sg_report_data *d, struct sg_doc *doc)
{
    const char *rehearsal = json_string_value(json_object_get(d->provenance, "rehearsal"));
    if (d->is_unfinished)
        sg_doc_warn(doc, "Unfinished: %lld of %lld %s so far; %s.", (long long)(d->n_done + d->n_failed),
                    (long long)d->n_cells, sg_plural(d->n_cells, "cell", "cells"),
                    d->runs ? "a run is at work on it"
                            : "its run was cut off, and the same command goes on from there");
    if (rehearsal && rehearsal[0])
        sg_doc_warn(doc, "A rehearsal: a stub server wrote the texts, and no number here means anything.");
}

/* The section at work, which has nothing to say; where it was asked for, that is what it says. */
static void leave_out(const struct sg_section_input *in, const struct sg_section *s, struct sg_doc *doc)
{
    if (!in->only) {
        doc->n_sections--; /* the memory of its list goes with the document */
        return;
    }
    sg_doc_paragraph(doc, "%s", if_empty(s->name));
    if (doc->status == SG_OK)
        doc->section[doc->n_sections - 1].is_empty = 1;
}

sg_status sg_sections_write(const struct sg_section_input *in, struct sg_doc **out, struct sg_err *err)
{
    struct sg_doc *doc = create(in->d);
    if (!doc)
        return sg_fail_memory(err, sizeof *doc);
    warn(in->d, doc);
    sg_status status = SG_OK;
    for (int i = 0; i < sg_n_sections && status == SG_OK && doc->status == SG_OK; i++) {
        const struct sg_section *s = &sg_sections[i];
        if (in->only && strcmp(in->only, s->name) != 0)
            continue;
        int64_t at = doc->n_sections;
        sg_doc_section(doc, s->name, s->title);
        status = s->write(in, doc, err);
        if (status != SG_OK)
            status = sg_err_at(err, "section %s", s->name);
        else if (doc->n_sections > at)
            doc->section[at].is_answer = s->is_answer;
        if (status == SG_OK && doc->status == SG_OK && doc->n_sections == at + 1 &&
            !doc->section[at].n_blocks)
            leave_out(in, s, doc);
    }
    if (status == SG_OK)
        status = sg_doc_check(doc, err);
    if (status == SG_OK)
        *out = doc;
    else
        sg_doc_destroy(doc);
    return status;
}
