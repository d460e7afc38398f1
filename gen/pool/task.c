#include "gen/pool/task.h"

#include "base/mem.h"

#include <string.h>

int sg_task_class(const struct sg_task *t, const char *name)
{
    for (int k = 0; k < t->n_classes; k++)
        if (strcmp(t->class_[k].name, name) == 0)
            return k;
    return -1;
}

const char *sg_conditioning_name(enum sg_conditioning c)
{
    static const char *const name[SG_N_CONDITIONINGS] = {"label", "none"};
    return name[c];
}

enum { N_PROMPTS = sizeof(struct sg_prompts) / sizeof(char *) };

/* struct sg_prompts as a list; C lets a struct of pointers be read so. */
static void lay_over(struct sg_prompts *under, const struct sg_prompts *over)
{
    char *a[N_PROMPTS], *b[N_PROMPTS];
    memcpy(a, under, sizeof a);
    memcpy(b, over, sizeof b);
    for (int i = 0; i < N_PROMPTS; i++)
        a[i] = b[i] ? b[i] : a[i];
    memcpy(under, a, sizeof a);
}

int sg_task_wording(const struct sg_task *t, const char *variant, enum sg_conditioning c,
                    struct sg_prompts *out)
{
    const struct sg_variant *v = NULL;
    for (int i = 0; i < t->n_variants; i++)
        if (strcmp(t->variant[i].name, variant) == 0)
            v = &t->variant[i];
    if (!v && strcmp(variant, "default") != 0)
        return 0;
    *out = t->prompt;
    if (v)
        lay_over(out, &v->prompt);
    if (c == SG_BY_NONE) {
        /* A prompt that names a class cannot stand in for one that must not. */
        out->zero_shot = out->zero_shot_topic = out->few_shot = out->example = out->error_driven = NULL;
        lay_over(out, v ? &v->unconditioned : &t->unconditioned);
    }
    return 1;
}

static void free_prompts(struct sg_prompts *p)
{
    char *a[N_PROMPTS];
    memcpy(a, p, sizeof a);
    for (int i = 0; i < N_PROMPTS; i++)
        sg_free(a[i]);
}

void sg_task_free(struct sg_task *t)
{
    if (!t)
        return;
    for (int k = 0; k < t->n_classes; k++) {
        sg_free(t->class_[k].name);
        sg_free(t->class_[k].readable);
    }
    char **const owned[] = {&t->name,
                            &t->title,
                            &t->first,
                            &t->second,
                            &t->label,
                            &t->train_file,
                            &t->test_file,
                            &t->hf_id,
                            &t->source.hf,
                            &t->source.config,
                            &t->source.revision,
                            &t->source.train_split,
                            &t->source.test_split,
                            &t->source.train_sha256,
                            &t->source.test_sha256,
                            &t->source.licence,
                            &t->source.elsewhere,
                            &t->dir,
                            &t->first_mark,
                            &t->second_mark,
                            &t->text,
                            &t->contamination.data_set,
                            &t->contamination.split,
                            &t->contamination.guided,
                            &t->contamination.general};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        sg_free(*owned[i]);
    free_prompts(&t->prompt);
    free_prompts(&t->unconditioned);
    for (int i = 0; i < t->n_variants; i++) {
        sg_free(t->variant[i].name);
        free_prompts(&t->variant[i].prompt);
        free_prompts(&t->variant[i].unconditioned);
    }
    for (int i = 0; i < t->n_test_sets; i++) {
        sg_free(t->test_set[i].name);
        sg_free(t->test_set[i].file);
    }
    sg_free(t->test_set);
    sg_free(t->variant);
    sg_free(t->class_);
    *t = (struct sg_task){0};
}
