#include "experiments/run/cell_words.h"

#include "base/json.h"
#include "base/text.h"

#include <string.h>

void sg_cell_words_of(const struct sg_prepared *p, const struct sg_cell *c, struct sg_cell_words *out)
{
    *out = (struct sg_cell_words){.task = p->study->task[c->task].name,
                                  .mix = sg_mix_name(c->mix),
                                  .classifier = sg_cell_classifier_name(c->classifier),
                                  .size = c->size,
                                  .raw = c->raw,
                                  .seed_generation = c->seed_generation,
                                  .seed_data = c->seed_data,
                                  .seed_train = c->seed_train};
    sg_arm_name(p->study, &c->arm, out->arm);
    out->method = out->arm;
}

void sg_cell_words_read(const json_t *settings, struct sg_cell_words *out)
{
    *out = (struct sg_cell_words){
        .task = sg_json_text_or(settings, "task", ""),
        .method = sg_json_text_or(settings, "method", ""),
        .mix = sg_json_text_or(settings, "mix", ""),
        .classifier =
            sg_json_text_or(settings, "classifier", sg_cell_classifier_name(SG_FINE_TUNE)), /* unsaid there */
        .size = sg_json_int_or(settings, "size", 0),
        .raw = sg_json_int_or(settings, "raw", 0),
        .seed_generation = sg_json_int_or(settings, "seed_generation", -1),
        .seed_data = sg_json_int_or(settings, "seed_data", -1),
        .seed_train = sg_json_int_or(settings, "seed_train", -1)};
}

static void put_seed(const char *before, int64_t seed, struct sg_buf *out)
{
    sg_buf_puts(out, before);
    if (seed < 0)
        sg_buf_puts(out, "-");
    else
        sg_buf_printf(out, "%lld", (long long)seed);
}

void sg_cell_words_put(const struct sg_cell_words *w, struct sg_buf *out)
{
    sg_buf_safe(out, w->task, 60);
    sg_buf_puts(out, w->method[0] ? " " : "");
    sg_buf_safe(out, w->method, 100);
    sg_buf_puts(out, " ");
    sg_buf_safe(out, w->mix, 20);
    sg_buf_puts(out, ", ");
    if (w->size)
        sg_buf_printf(out, "%lld synthetic", (long long)w->size);
    sg_buf_puts(out, w->size && w->raw ? " + " : "");
    if (w->raw)
        sg_buf_printf(out, "%lld raw", (long long)w->raw);
    sg_buf_puts(out, ", ");
    sg_buf_safe(out, w->classifier, 20);
    put_seed(", seeds ", w->seed_generation, out);
    put_seed("/", w->seed_data, out);
    put_seed("/", w->seed_train, out);
}
