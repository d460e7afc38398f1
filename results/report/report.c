#include "results/report/report.h"

#include "results/h5/store.h"
#include "results/report/section.h"

sg_status sg_report_degenerate(const char *path, int64_t *n, int64_t *n_done, struct sg_err *err)
{
    struct sg_report_data d = {0};
    SG_TRY(sg_report_read(path, &d, err));
    *n = *n_done = 0;
    for (int64_t i = 0; i < d.n_cells; i++)
        if (d.cell[i].classifier == SG_REPORT_FINE_TUNE) {
            *n += sg_report_is_degenerate(&d.cell[i]);
            *n_done += d.cell[i].status == 'd';
        }
    sg_report_data_free(&d);
    return SG_OK;
}

/* Nothing is shown under a digest that it does not have. */
static sg_status read_source(const struct sg_report_source *s, int classifier, struct sg_report_data *d,
                             struct sg_scores *scores, struct sg_err *err)
{
    SG_TRY(sg_store_verify(s->file, err));
    SG_TRY(sg_report_read(s->file, d, err));
    if (classifier >= 0)
        sg_report_show(d, classifier);
    d->is_unfinished = s->is_unfinished;
    d->runs = s->runs;
    SG_TRY(sg_scores_read(s->file, d, scores, err));
    d->scores = scores;
    return SG_OK;
}

/* -1 for none that is named. */
static sg_status choose(const char *name, int *classifier, struct sg_err *err)
{
    *classifier = name ? sg_report_classifier_of(name) : -1;
    if (name && (*classifier < 0 || !name[0]))
        return sg_fail(err, SG_INPUT, "--classifier %.40s: hint: one of fine_tune, probe", name);
    return SG_OK;
}

/* The file again, with the cells of the classifier that d does not show; nothing where it has none. */
static sg_status read_second(const struct sg_report_source *s, const struct sg_report_data *d,
                             struct sg_report_data *second, struct sg_scores *scores, struct sg_err *err)
{
    int other = d->classifier == SG_REPORT_PROBE ? SG_REPORT_FINE_TUNE : SG_REPORT_PROBE;
    if (!d->n_of[other])
        return SG_OK;
    SG_TRY(sg_report_read(s->file, second, err));
    sg_report_show(second, other);
    SG_TRY(sg_scores_read(s->file, second, scores, err));
    second->scores = scores;
    return SG_OK;
}

static sg_status check_section(const char *name, struct sg_err *err)
{
    char names[600];
    if (!name || sg_section_of(name))
        return SG_OK;
    sg_section_names(names, sizeof names);
    return sg_fail(err, SG_INPUT, "--section %.40s: hint: one of %s", name, names);
}

sg_status sg_report_draw(const struct sg_report_source *s, const struct sg_report_source *other,
                         const struct sg_form *form, const struct sg_form_options *o,
                         const struct sg_form_output *out, struct sg_err *err)
{
    struct sg_report_data d = {0}, second = {0}, e = {0};
    struct sg_scores scores = {0}, second_scores = {0}, other_scores = {0};
    struct sg_doc *doc = NULL;
    sg_status status = SG_OK;
    int classifier;
    SG_TRY(check_section(o->section, err));
    SG_TRY(choose(o->classifier, &classifier, err));
    SG_TRY_DONE(read_source(s, classifier, &d, &scores, err));
    if (!d.n_cells)
        SG_TRY_DONE(
            sg_fail(err, SG_INPUT,
                    "no cell of the study is planned yet: its run was cut off before that, or has just "
                    "begun; hint: `synthgrid run` goes on"));
    if (!d.n_of[d.classifier])
        SG_TRY_DONE(
            sg_fail(err, SG_INPUT, "the study has no cells of %s", sg_report_classifier_name(d.classifier)));
    SG_TRY_DONE(read_second(s, &d, &second, &second_scores, err));
    if (other)
        SG_TRY_DONE(read_source(other, d.classifier, &e, &other_scores, err));
    struct sg_section_input in = {.d = &d,
                                  .scores = &scores,
                                  .file = s->file,
                                  .other = other ? &e : NULL,
                                  .other_scores = other ? &other_scores : NULL,
                                  .other_file = other ? other->file : NULL,
                                  .second = second.n_cells ? &second : NULL,
                                  .second_scores = second.n_cells ? &second_scores : NULL,
                                  .only = o->section};
    SG_TRY_DONE(sg_sections_write(&in, &doc, err));
    status = form->draw(doc, &d, o, out, err);
done:
    sg_doc_destroy(doc);
    sg_scores_free(&other_scores);
    sg_scores_free(&second_scores);
    sg_scores_free(&scores);
    sg_report_data_free(&e);
    sg_report_data_free(&second);
    sg_report_data_free(&d);
    return status;
}

static sg_status append(void *context, const char *name, const struct sg_buf *content, struct sg_err *err)
{
    struct sg_buf *out = context;
    (void)name;
    sg_buf_add(out, sg_buf_text(content), content->len);
    return sg_buf_check(out, "the report", err);
}

sg_status sg_report(const char *path, const char *format, const struct sg_form_options *o, struct sg_buf *out,
                    struct sg_err *err)
{
    const struct sg_form *form = sg_form_of(format);
    struct sg_report_source source;
    const struct sg_form_output output = {.context = out, .put = append};
    char names[200];
    sg_form_names(names, sizeof names);
    if (!form)
        return sg_fail(err, SG_INPUT, "--format %.40s: hint: one of %s", format, names);
    SG_TRY(sg_report_source_open(path, &source, err));
    sg_status status =
        sg_report_draw(&source, NULL, form, o ? o : &(struct sg_form_options){0}, &output, err);
    sg_report_source_close(&source);
    return status;
}
