#include "gen/pool/methods.h"

#include <string.h>

#define ENTRY(constant, row) [constant] = &row,
static const struct sg_method_row imported = {.name = "imported", .recipe = "rows of a file 1"};
static const struct sg_method_row *const methods[SG_N_METHODS + 1] = {SG_METHODS(ENTRY)[SG_IMPORTED] =
                                                                          &imported};

const struct sg_method_row *sg_method_row(enum sg_method m)
{
    return methods[m];
}

const char *sg_method_name(enum sg_method m)
{
    return methods[m]->name;
}

int sg_method_of(const char *name)
{
    for (int m = 0; m < SG_N_METHODS; m++)
        if (strcmp(name, methods[m]->name) == 0)
            return m;
    return -1;
}

int sg_method_is_free(enum sg_method m)
{
    return !methods[m]->ask;
}

int sg_method_has_rounds(enum sg_method m)
{
    return methods[m]->has_rounds;
}

int sg_method_needs_words(enum sg_method m)
{
    return methods[m]->gaps != NULL;
}

int sg_method_shows_rows(enum sg_method m)
{
    return methods[m]->n_shots > 0 || methods[m]->make;
}

const char *sg_method_lacks(enum sg_method m, const struct sg_prompts *wording)
{
    for (int i = 0; i < SG_MAX_NEEDS && methods[m]->needs[i].name; i++) {
        const char *text;
        memcpy(&text, (const char *)wording + methods[m]->needs[i].at, sizeof text);
        if (!text)
            return methods[m]->needs[i].name;
    }
    return NULL;
}
