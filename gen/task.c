#include "gen/task.h"

#include "base/mem.h"

#include <string.h>

static const struct {
    const char *name;
    int shots;
} methods[SG_N_METHODS] = {
    [SG_ZERO_SHOT] = {"zero_shot", 0},   [SG_ZERO_SHOT_TOPIC] = {"zero_shot_topic", 0},
    [SG_ONE_SHOT] = {"one_shot", 1},     [SG_FEW_SHOT_3] = {"few_shot_3", 3},
    [SG_FEW_SHOT_5] = {"few_shot_5", 5},
};

const char *sg_method_name(enum sg_method m)
{
    return methods[m].name;
}

int sg_method_of(const char *name)
{
    for (int m = 0; m < SG_N_METHODS; m++)
        if (strcmp(name, methods[m].name) == 0)
            return m;
    return -1;
}

int sg_method_shots(enum sg_method m)
{
    return methods[m].shots;
}

int sg_task_class(const struct sg_task *t, const char *name)
{
    for (int k = 0; k < t->n_classes; k++)
        if (strcmp(t->class_[k].name, name) == 0)
            return k;
    return -1;
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
                            &t->first_mark,
                            &t->second_mark,
                            &t->prompt.system,
                            &t->prompt.zero_shot,
                            &t->prompt.zero_shot_topic,
                            &t->prompt.few_shot,
                            &t->prompt.example,
                            &t->prompt.topics,
                            &t->prompt.rephrase,
                            &t->prompt.classify};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        sg_free(*owned[i]);
    sg_free(t->class_);
    *t = (struct sg_task){0};
}
