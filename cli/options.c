#include "cli/options.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 32, HELP_COLUMN = 26 };

static sg_status unknown(const struct sg_usage *u, const char *name, size_t n, struct sg_err *err)
{
    const char *names[MAX_OPTIONS + 1];
    int n_names = 0;
    for (int i = 0; i < u->n_options && i < MAX_OPTIONS; i++)
        names[n_names++] = u->option[i].name;
    names[n_names++] = "help";
    char *word = sg_strndup(name, n);
    if (!word)
        return sg_fail_memory(err, n);
    int near = sg_text_nearest(word, names, n_names);
    if (near >= 0)
        sg_fail(err, SG_INPUT, "%s has no option --%.100s; hint: did you mean --%s?", u->command, word,
                names[near]);
    else
        sg_fail(err, SG_INPUT, "%s has no option --%.100s; hint: `synthgrid %s --help` lists them",
                u->command, word, u->command);
    sg_free(word);
    return SG_INPUT;
}

static sg_status set(const struct sg_usage *u, const struct sg_option *o, const char *value,
                     struct sg_err *err)
{
    switch (o->type) {
    case SG_OPT_FLAG:
        *o->flag = 1;
        return SG_OK;
    case SG_OPT_TEXT:
        if (!value[0])
            return sg_fail(err, SG_INPUT, "%s --%s: %s is empty", u->command, o->name, o->argument);
        *o->text = value;
        return SG_OK;
    case SG_OPT_COUNT:
        if (!sg_parse_int64(value, o->count) || *o->count < o->min || *o->count > o->max)
            return sg_fail(err, SG_INPUT, "%s --%s %.100s: must be a whole number from %lld to %lld",
                           u->command, o->name, value, (long long)o->min, (long long)o->max);
        return SG_OK;
    case SG_OPT_NUMBER:
        if (!sg_parse_double(value, o->number) || *o->number < 0)
            return sg_fail(err, SG_INPUT, "%s --%s %.100s: must be a number, 0 or more", u->command, o->name,
                           value);
        return SG_OK;
    }
    return SG_OK;
}

/* The option that "-o" names; NULL for anything else. */
static const struct sg_option *by_letter(const struct sg_usage *u, const char *word)
{
    for (int k = 0; k < u->n_options && word[0] == '-' && word[1] && !word[2]; k++)
        if (u->option[k].letter == word[1])
            return &u->option[k];
    return NULL;
}

/* The option at argv[i]; *n_used gets 1 or 2. */
static sg_status take_option(const struct sg_usage *u, int argc, char **argv, int i, int *n_used,
                             const char **seen, struct sg_err *err)
{
    const struct sg_option *o = by_letter(u, argv[i]);
    const char *name = o ? o->name : argv[i] + 2, *equals = o ? NULL : strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    for (int k = 0; k < u->n_options && !o; k++)
        if (strlen(u->option[k].name) == n && strncmp(u->option[k].name, name, n) == 0)
            o = &u->option[k];
    if (!o)
        return unknown(u, name, n, err);
    const char *value = equals ? equals + 1 : NULL;
    *n_used = 1;
    if (o->type == SG_OPT_FLAG && value)
        return sg_fail(err, SG_INPUT, "%s --%s takes no value", u->command, o->name);
    if (o->type != SG_OPT_FLAG && !value) {
        if (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0)
            return sg_fail(err, SG_INPUT, "%s --%s needs a value: --%s %s", u->command, o->name, o->name,
                           o->argument);
        value = argv[i + 1];
        *n_used = 2;
    }
    seen[o - u->option] = o->name;
    return set(u, o, value, err);
}

/* "a.b_c=...": a dotted key of lower-case words before the first '='. */
static int is_override(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.");
    return n > 0 && text[n] == '=';
}

static sg_status parse(const struct sg_usage *u, int argc, char **argv, struct sg_args *a, struct sg_err *err)
{
    const char *seen[MAX_OPTIONS] = {0};
    int options_end = argc;
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--") == 0) {
            options_end = i;
            break;
        }
    for (int i = 0; i < options_end; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            a->help = 1;
            return SG_OK;
        }
    for (int i = 0, n_used; i < argc; i += n_used) {
        n_used = 1;
        if (i == options_end)
            continue;
        if (i < options_end && (strncmp(argv[i], "--", 2) == 0 || by_letter(u, argv[i])))
            SG_TRY(take_option(u, options_end, argv, i, &n_used, seen, err));
        else if (i < options_end && argv[i][0] == '-' && argv[i][1])
            return sg_fail(err, SG_INPUT, "%s has no option %.100s; hint: options begin with two dashes",
                           u->command, argv[i]);
        else if (u->overrides && is_override(argv[i]))
            a->override[a->n_overrides++] = argv[i];
        else if (a->n_positional == u->n_positional)
            return sg_fail(err, SG_INPUT,
                           "%s: \"%.100s\" is one argument too many; hint: `synthgrid %s --help`", u->command,
                           argv[i], u->command);
        else
            a->positional[a->n_positional++] = argv[i];
    }
    if (a->n_positional < u->n_positional - u->n_optional)
        return sg_fail(err, SG_INPUT, "%s needs %s; hint: `synthgrid %s --help`", u->command, u->positional,
                       u->command);
    for (int k = 0; k < u->n_options; k++)
        if (u->option[k].required && !seen[k])
            return sg_fail(err, SG_INPUT, "%s needs --%s %s (%s); hint: `synthgrid %s --help`", u->command,
                           u->option[k].name, u->option[k].argument, u->option[k].help, u->command);
    return SG_OK;
}

sg_status sg_options_parse(const struct sg_usage *u, int argc, char **argv, struct sg_args *args,
                           struct sg_err *err)
{
    size_t n = argc > 0 ? (size_t)argc : 1;
    struct sg_args a = {.positional = sg_alloc(n, sizeof(char *)), .override = sg_alloc(n, sizeof(char *))};
    sg_status status = !a.positional || !a.override ? sg_fail_memory(err, 2 * n * sizeof(char *))
                       : u->n_options > MAX_OPTIONS
                           ? sg_fail(err, SG_FAILED, "%s: too many options", u->command)
                           : parse(u, argc, argv, &a, err);
    if (status == SG_OK)
        *args = a;
    else
        sg_args_free(&a);
    return status;
}

void sg_args_free(struct sg_args *a)
{
    sg_free(a->positional);
    sg_free(a->override);
    *a = (struct sg_args){0};
}

void sg_options_help(const struct sg_usage *u, FILE *out)
{
    fprintf(out, "Usage: synthgrid %s", u->command);
    if (u->positional)
        fprintf(out, " %s", u->positional);
    for (int i = 0; i < u->n_options; i++)
        if (u->option[i].required)
            fprintf(out, " --%s %s", u->option[i].name, u->option[i].argument);
    fprintf(out, " [options]%s%s%s\n\n%s\n\nOptions:\n", u->overrides ? " [" : "",
            u->overrides ? u->overrides : "", u->overrides ? " ...]" : "", u->about);
    for (int i = 0; i <= u->n_options; i++) {
        static const struct sg_option help = {.name = "help", .help = "this text"};
        const struct sg_option *o = i < u->n_options ? &u->option[i] : &help;
        char letter[6] = "";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        int n = fprintf(out, "  %s--%s%s%s", letter, o->name, o->argument ? " " : "",
                        o->argument ? o->argument : "");
        fprintf(out, "%*s%s\n", n < HELP_COLUMN ? HELP_COLUMN - n : 2, "", o->help);
    }
}
