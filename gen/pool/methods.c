#include "gen/pool/methods.h"

#include "gen/pool/prompt_ask.h"

#include <stddef.h>
#include <string.h>

#define NEEDS(template) #template, offsetof(struct sg_prompts, template)
/* n: at most SG_MAX_SHOTS. */
#define SHOTS(n) .n_shots = (n), .needs = {{NEEDS(few_shot)}, {NEEDS(example)}}, .ask = sg_ask_with_shots

static const struct sg_method_row methods[SG_N_METHODS] = {
    [SG_ZERO_SHOT] = {"zero_shot", .is_same = 1, .needs = {{NEEDS(zero_shot)}}, .ask = sg_ask_plainly},
    [SG_ZERO_SHOT_TOPIC] = {"zero_shot_topic", .has_topics = 1,
                            .needs = {{NEEDS(zero_shot_topic)}, {NEEDS(topics)}}, .ask = sg_ask_with_topic},
    [SG_ONE_SHOT] = {"one_shot", SHOTS(1)},
    [SG_FEW_SHOT_3] = {"few_shot_3", SHOTS(3)},
    [SG_FEW_SHOT_5] = {"few_shot_5", SHOTS(5)},
};

const struct sg_method_row *sg_method_row(enum sg_method m)
{
    return &methods[m];
}

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

int sg_method_shows_rows(enum sg_method m)
{
    return methods[m].n_shots > 0;
}

const char *sg_method_lacks(enum sg_method m, const struct sg_prompts *wording)
{
    for (int i = 0; i < SG_MAX_NEEDS && methods[m].needs[i].name; i++) {
        const char *text;
        memcpy(&text, (const char *)wording + methods[m].needs[i].at, sizeof text);
        if (!text)
            return methods[m].needs[i].name;
    }
    return NULL;
}
