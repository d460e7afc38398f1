/* Completions. Each shell gets the same: commands, their options, `key=` of the settings where a command takes them, and behind `key=` its
 * choices; everything else is a file. */
#include "cli/usages.h"

#include "experiments/study/settings.h"

#include <string.h>

/* A text within single quotes: bash and zsh end them for one of their own, fish takes a backslash. */
static void quote(struct sg_buf *b, const char *text, size_t n, int is_fish)
{
    sg_buf_puts(b, "'");
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\'')
            sg_buf_puts(b, is_fish ? "\\'" : "'\\''");
        else if (text[i] == '\n')
            sg_buf_puts(b, " ");
        else
            sg_buf_printf(b, is_fish && text[i] == '\\' ? "\\%c" : "%c", text[i]);
    sg_buf_puts(b, "'");
}

/* What stands in one line: a help up to its first semicolon. */
static size_t brief(const char *help)
{
    return strcspn(help, ";\n");
}

/* Which settings a command takes: all of a study for "key=value", those of training for "train.KEY=VALUE". */
static int is_of_training(const char *overrides)
{
    return strncmp(overrides, "train.", 6) == 0;
}

static int is_taken(int is_training, const struct sg_setting *s)
{
    if (!is_training)
        return !(s->flags & SG_SET_TRAIN_ONLY);
    return is_of_training(s->key) && strcmp(s->key, "train.encoder") != 0;
}

static void add_keys(struct sg_buf *b, int is_training, const char *after)
{
    for (int i = 0; i < sg_study_schema.n; i++)
        if (is_taken(is_training, &sg_study_schema.row[i]))
            sg_buf_printf(b, " %s%s", sg_study_schema.row[i].key, after);
}

/* A value of a setting with choices, in the list that lists are written as. */
static const char *const flags[] = {"false", "true"};
static void add_choices(struct sg_buf *b, const struct sg_setting *s, const char *before, const char *after)
{
    int is_list = s->type == SG_SET_CHOICES;
    for (int i = 0; i < 2 && s->type == SG_SET_FLAG; i++)
        sg_buf_printf(b, "%s%s%s", before, flags[i], after);
    for (int i = 0; s->choice && s->choice(i); i++)
        sg_buf_printf(b, "%s%s%s%s%s", before, is_list ? "[" : "", s->choice(i), is_list ? "]" : "", after);
}

static int has_choices(const struct sg_setting *s)
{
    return s->choice || s->type == SG_SET_FLAG;
}

static int is_folder(const struct sg_option *o)
{
    return o->argument && strcmp(o->argument, "DIR") == 0;
}

static int is_number(const struct sg_option *o)
{
    return o->type == SG_OPT_COUNT || o->type == SG_OPT_NUMBER;
}

static void bash_command(const struct sg_command *c, const struct sg_usage *u, void *out)
{
    struct sg_buf *b = out;
    sg_buf_printf(b, "    %s)\n        case $key in\n", c->name);
    for (int i = 0; i < u->n_options; i++) {
        const struct sg_option *o = &u->option[i];
        if (o->type == SG_OPT_FLAG)
            continue;
        sg_buf_printf(b, "        --%s", o->name);
        if (o->letter)
            sg_buf_printf(b, " | -%c", o->letter);
        sg_buf_printf(b, ") kind='%s' ;;\n", is_folder(o) ? "folder" : is_number(o) ? "none" : "file");
    }
    sg_buf_puts(b, "        esac\n        words=\"--help");
    for (int i = 0; i < u->n_options; i++)
        sg_buf_printf(b, " --%s%s", u->option[i].name, u->option[i].type == SG_OPT_FLAG ? "" : "=");
    const char *keys = !u->overrides ? "" : is_of_training(u->overrides) ? " keys=train" : " keys=study";
    sg_buf_printf(b, "\"%s ;;\n", keys);
}

static void bash(struct sg_buf *b)
{
    const struct sg_schema *all = &sg_study_schema;
    sg_buf_puts(b, "# bash completions of synthgrid, made by `synthgrid completion bash`\n\n"
                   "_synthgrid() {\n"
                   "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                   "    local key='' kind='' words='' keys='' choices=''\n"
                   "    COMPREPLY=()\n"
                   "    # bash makes three words of key=value\n"
                   "    if [ \"$word\" = = ]; then\n"
                   "        key=$before word=''\n"
                   "    elif [ \"$before\" = = ]; then\n"
                   "        key=${COMP_WORDS[COMP_CWORD - 2]}\n"
                   "    else\n"
                   "        case $before in -*) key=$before ;; esac\n"
                   "    fi\n"
                   "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                   "        mapfile -t COMPREPLY < <(compgen -W \"--help --version");
    for (int i = 0; i < sg_n_commands; i++)
        sg_buf_printf(b, " %s", sg_command[i].name);
    sg_buf_puts(b, "\" -- \"$word\")\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (int i = 0; i < sg_n_commands; i++)
        sg_usage_of(&sg_command[i], bash_command, b);
    sg_buf_puts(b, "    esac\n    case $keys:$key in\n");
    for (int i = 0; i < all->n; i++) {
        const struct sg_setting *s = &all->row[i];
        if (!has_choices(s))
            continue;
        sg_buf_printf(b, "    *:%s) choices=\"", s->key);
        add_choices(b, s, "", " ");
        sg_buf_puts(b, "\" ;;\n");
    }
    sg_buf_puts(b, "    esac\n    case $keys in\n    study) words+=\"");
    add_keys(b, 0, "=");
    sg_buf_puts(b, "\" ;;\n    train) words+=\"");
    add_keys(b, 1, "=");
    sg_buf_puts(
        b, "\" ;;\n    esac\n"
           "    if [ -n \"$choices\" ]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$word\")\n"
           "    elif [ \"$kind\" = folder ]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n"
           "    elif [ \"$kind\" = none ]; then\n"
           "        return\n"
           "    elif [ \"$kind\" = file ] || [[ $key = *[a-z] && $key != -* ]]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
           "    else\n"
           "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\"; compgen -f -- \"$word\")\n"
           "        [[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace 2>/dev/null\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _synthgrid synthgrid\n");
}

/* In _arguments' own words: brackets and colons are its syntax. */
static void zsh_escaped(struct sg_buf *b, const char *text)
{
    struct sg_buf plain = sg_buf_make(4096);
    for (size_t i = 0, n = brief(text); i < n; i++)
        sg_buf_printf(&plain, strchr("[]:\\", text[i]) ? "\\%c" : "%c", text[i]);
    const char *all = sg_buf_text(&plain);
    quote(b, all, strlen(all), 0);
    sg_buf_free(&plain);
}

static void zsh_command(const struct sg_command *c, const struct sg_usage *u, void *out)
{
    struct sg_buf *b = out;
    sg_buf_printf(b, "    %s)\n", c->name);
    if (u->overrides)
        sg_buf_printf(b, "        keys=($%s)\n", is_of_training(u->overrides) ? "train" : "study");
    sg_buf_puts(b, "        _arguments -S '--help[this text]'");
    for (int i = 0; i < u->n_options; i++) {
        const struct sg_option *o = &u->option[i];
        const char *values = o->type == SG_OPT_FLAG ? ""
                             : is_folder(o)         ? ":folder:_files -/"
                             : is_number(o)         ? ":number: "
                                                    : ":file:_files";
        sg_buf_printf(b, " \\\n            '--%s%s['", o->name, o->type == SG_OPT_FLAG ? "" : "=");
        zsh_escaped(b, o->help);
        sg_buf_printf(b, "']%s'", values);
        if (o->letter)
            sg_buf_printf(b, " '-%c%s'", o->letter, values);
    }
    sg_buf_puts(b, " \\\n            '*: :_synthgrid_words' ;;\n");
}

static void zsh(struct sg_buf *b)
{
    const struct sg_schema *all = &sg_study_schema;
    sg_buf_puts(b,
                "#compdef synthgrid\n# zsh completions of synthgrid, made by `synthgrid completion zsh`\n\n"
                "_synthgrid_words() {\n"
                "    local -a choices\n"
                "    case $PREFIX in\n");
    for (int i = 0; i < all->n; i++) {
        const struct sg_setting *s = &all->row[i];
        if (!has_choices(s))
            continue;
        sg_buf_printf(b, "    %s=*) choices=(", s->key);
        add_choices(b, s, "'", "' ");
        sg_buf_puts(b, ") ;;\n");
    }
    sg_buf_puts(b, "    esac\n"
                   "    if compset -P '*='; then\n"
                   "        (( $#choices )) && compadd -a choices || _files\n"
                   "    else\n"
                   "        (( $#keys )) && compadd -S '' -- ${^keys}=\n"
                   "        _files\n"
                   "    fi\n"
                   "}\n\n"
                   "_synthgrid() {\n"
                   "    local -a commands keys\n"
                   "    local -a study=(");
    add_keys(b, 0, "");
    sg_buf_puts(b, ")\n    local -a train=(");
    add_keys(b, 1, "");
    sg_buf_puts(b, ")\n    commands=(");
    for (int i = 0; i < sg_n_commands; i++) {
        sg_buf_printf(b, "\n        '%s:'", sg_command[i].name);
        quote(b, sg_command[i].help, strlen(sg_command[i].help), 0);
    }
    sg_buf_puts(b, ")\n"
                   "    if (( CURRENT == 2 )); then\n"
                   "        _describe command commands\n"
                   "        return\n"
                   "    fi\n"
                   "    local command=$words[2]\n"
                   "    shift words\n"
                   "    (( CURRENT-- ))\n"
                   "    case $command in\n");
    for (int i = 0; i < sg_n_commands; i++)
        sg_usage_of(&sg_command[i], zsh_command, b);
    sg_buf_puts(b, "    esac\n}\n\n"
                   "if [[ $funcstack[1] = _synthgrid ]]; then\n    _synthgrid \"$@\"\nelse\n    compdef "
                   "_synthgrid synthgrid\nfi\n");
}

static void fish_command(const struct sg_command *c, const struct sg_usage *u, void *out)
{
    struct sg_buf *b = out;
    sg_buf_printf(b, "complete -c synthgrid -n __fish_use_subcommand -f -a %s -d ", c->name);
    quote(b, c->help, strlen(c->help), 1);
    sg_buf_puts(b, "\n");
    for (int i = 0; i < u->n_options; i++) {
        const struct sg_option *o = &u->option[i];
        sg_buf_printf(b, "complete -c synthgrid -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
        if (o->letter)
            sg_buf_printf(b, " -s %c", o->letter);
        sg_buf_puts(b, o->type == SG_OPT_FLAG ? ""
                       : is_folder(o)         ? " -x -a '(__fish_complete_directories)'"
                       : is_number(o)         ? " -x"
                                              : " -r");
        sg_buf_puts(b, " -d ");
        quote(b, o->help, brief(o->help), 1);
        sg_buf_puts(b, "\n");
    }
    for (int i = 0; u->overrides && i < sg_study_schema.n; i++) {
        const struct sg_setting *s = &sg_study_schema.row[i];
        if (!is_taken(is_of_training(u->overrides), s))
            continue;
        sg_buf_printf(b, "complete -c synthgrid -n '__fish_seen_subcommand_from %s' -a '", c->name);
        if (has_choices(s)) {
            char before[80];
            snprintf(before, sizeof before, "%s=", s->key);
            add_choices(b, s, before, " ");
        } else
            sg_buf_printf(b, "%s=", s->key);
        sg_buf_puts(b, "' -d ");
        quote(b, s->help, brief(s->help), 1);
        sg_buf_puts(b, "\n");
    }
}

static void fish(struct sg_buf *b)
{
    sg_buf_puts(b, "# fish completions of synthgrid, made by `synthgrid completion fish`\n\n"
                   "complete -c synthgrid -n __fish_use_subcommand -f -l version -d 'version and libraries'\n"
                   "complete -c synthgrid -f -l help -d 'this text'\n");
    for (int i = 0; i < sg_n_commands; i++)
        sg_usage_of(&sg_command[i], fish_command, b);
}

sg_status sg_completion(const char *shell, struct sg_buf *out, struct sg_err *err)
{
    static const struct {
        const char *name;
        void (*write)(struct sg_buf *);
    } known[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(shell, known[i].name) == 0) {
            known[i].write(out);
            return SG_OK;
        }
    return sg_fail(err, SG_INPUT, "completion: there are none for %.40s; hint: bash, zsh or fish", shell);
}
