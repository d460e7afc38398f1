#include "results/export/card.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/export/makers.h"
#include "results/export/words.h"
#include "results/ledger/ledger.h"
#include "results/report/example_prompts.h"
#include "results/report/form_markdown.h"

#include <math.h>
#include <string.h>

static const size_t PROMPT_MAX = (size_t)1 << 24;
enum { SHOWN_MAX = 20000, NAME_MAX_CHARS = 200 };

static void word(struct sg_buf *out, const char *text)
{
    sg_form_markdown_text(out, text, NAME_MAX_CHARS);
}

void sg_card_unfinished(struct sg_buf *out, const struct sg_export_origin *from)
{
    sg_buf_printf(out, "The study was not finished when this was exported: %lld of %lld %s.",
                  (long long)from->n_finished, (long long)from->n_cells,
                  sg_plural(from->n_cells, "cell was", "cells were"));
}

void sg_card_origin(struct sg_buf *out, const struct sg_export_origin *from)
{
    sg_buf_puts(out, "Of the study ");
    word(out, from->study[0] ? from->study : "(without a name)");
    sg_buf_puts(out, ", run by ");
    word(out, from->program[0] ? from->program : "a program that is not known");
    sg_buf_puts(out, ". Content digest of its results.h5: `");
    word(out, from->digest);
    sg_buf_puts(out, "`, written ");
    word(out, from->written[0] ? from->written : "at a time that is not known");
    sg_buf_puts(out, ".\n");
    if (from->is_unfinished) {
        sg_buf_puts(out, "\n**");
        sg_card_unfinished(out, from);
        sg_buf_puts(out, "**\n");
    }
    if (from->rehearsal[0])
        sg_buf_puts(out,
                    "\n**A rehearsal: the texts are a stub server's, and no model has written them.**\n");
}

/* A text that was put together, as `add` writes it. */
static void put_together(struct sg_buf *out, struct sg_buf *text, void (*add)(struct sg_buf *, const char *))
{
    add(out, sg_buf_text(text));
    if (text->failed)
        out->failed = text->failed;
    sg_buf_free(text);
}

static void yaml_line(struct sg_buf *out, const char *before, const char *text)
{
    sg_buf_puts(out, before);
    sg_words_yaml(out, text);
    sg_buf_puts(out, "\n");
}

static void head_config(struct sg_buf *out, const struct sg_export_pools *p, int64_t c)
{
    yaml_line(out, "- config_name: ", p->config[c].name);
    sg_buf_puts(out, "  data_files:\n  - split: train\n    path:\n");
    for (int64_t i = 0; i < p->n; i++)
        if (p->pool[i].config == c)
            yaml_line(out, "    - ", p->pool[i].file);
}

static void head_features(struct sg_buf *out, const struct sg_export_pools *p, int64_t c)
{
    const struct sg_export_task *t = &p->task[p->config[c].task];
    yaml_line(out, "- config_name: ", p->config[c].name);
    sg_buf_puts(out, "  features:\n");
    for (int k = 0; k < sg_n_export_fields; k++) {
        const struct sg_export_field *f = &sg_export_fields[k];
        if (!sg_export_has_field(t, f))
            continue;
        sg_buf_printf(out, "  - name: %s\n", f->name);
        if (strcmp(f->name, "label") != 0 || !t->has_labels) {
            sg_buf_printf(out, "    dtype: %s\n", f->type);
            continue;
        }
        sg_buf_puts(out, "    dtype:\n      class_label:\n        names:\n");
        for (int64_t i = 0; i < t->n_classes; i++) {
            sg_buf_printf(out, "          '%lld': ", (long long)i);
            yaml_line(out, "", t->class_[i]);
        }
    }
}

/* Terms of huggingface.co/docs/hub/datasets-cards; of an export without examples, what a study writes. */
static void head_creators(struct sg_buf *out, const struct sg_export_pools *p)
{
    static const char *const term[SG_MADE_UNKNOWN] = {"machine-generated", "found", "other"};
    int any = 0;
    sg_buf_puts(out, "language_creators:\n");
    for (int m = 0; m < SG_MADE_UNKNOWN; m++)
        if (sg_makers_have(p, (enum sg_pool_maker)m)) {
            sg_buf_printf(out, "- %s\n", term[m]);
            any = 1;
        }
    sg_buf_puts(out, any ? "" : "- machine-generated\n");
}

static void head(struct sg_buf *out, const struct sg_export_origin *from, const struct sg_export_options *o,
                 const struct sg_export_pools *p)
{
    sg_buf_puts(out, "---\n");
    yaml_line(out, "license: ", o->license ? o->license : "unknown");
    sg_buf_puts(out, "pretty_name: ");
    struct sg_buf name = sg_buf_make(100000);
    sg_buf_puts(&name, "Synthetic examples of the study ");
    sg_buf_safe(&name, from->study, NAME_MAX_CHARS);
    put_together(out, &name, sg_words_yaml);
    sg_buf_puts(out, "\ntask_categories:\n- text-classification\n");
    head_creators(out, p);
    sg_buf_puts(out, "tags:\n- synthetic\n- synthgrid\n");
    sg_buf_puts(out, p->n_configs ? "configs:\n" : "");
    for (int64_t c = 0; c < p->n_configs; c++)
        head_config(out, p, c);
    sg_buf_puts(out, p->n_configs ? "dataset_info:\n" : "");
    for (int64_t c = 0; c < p->n_configs; c++)
        head_features(out, p, c);
    sg_buf_puts(out, "---\n\n");
}

static void cell(struct sg_buf *out, const char *text)
{
    sg_buf_puts(out, " | ");
    word(out, text);
}

static void number_cell(struct sg_buf *out, double x)
{
    char number[32] = "";
    if (isfinite(x))
        sg_format_double(x, number);
    cell(out, number);
}

/* "temperature 1, top_p 0.9": what the settings have of it, those that tell pools apart. */
static void settings_cell(struct sg_buf *out, const json_t *settings)
{
    static const char *const keys[] = {"temperature",  "top_p",          "max_tokens",
                                       "conditioning", "prompt_variant", "examples_per_request"};
    struct sg_buf b = sg_buf_make(100000);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *v = json_object_get(settings, keys[i]);
        char number[32];
        if (json_is_number(v))
            sg_format_double(json_number_value(v), number);
        if (json_is_number(v) || json_is_string(v))
            sg_buf_printf(&b, "%s%s ", b.len ? ", " : "", keys[i]);
        if (json_is_number(v))
            sg_buf_puts(&b, number);
        else if (json_is_string(v))
            sg_buf_puts(&b, json_string_value(v));
    }
    put_together(out, &b, cell);
}

static void pools(struct sg_buf *out, const struct sg_export_pools *p)
{
    sg_buf_puts(out,
                "## Pools\n\nA pool is what one maker gave for one task by one method from one "
                "seed: a language model, a method that changes words of raw rows, or a file of others. "
                "Duplicates and what did not pass the checks were left out.\n\n"
                "| configuration | file | task | method | made by | generation seed | draw of raw rows | "
                "examples | wanted | attempts | rejected | status | settings |\n"
                "|---|---|---|---|---|---:|---:|---:|---:|---:|---:|---|---|\n");
    for (int64_t i = 0; i < p->n; i++) {
        const struct sg_export_pool *x = &p->pool[i];
        sg_buf_puts(out, "|");
        if (x->config >= 0)
            sg_buf_printf(out, " `%s` | `%s`", p->config[x->config].name, x->file);
        else
            sg_buf_puts(out, " (no example) | ");
        cell(out, p->task[x->task].name);
        cell(out, x->method);
        struct sg_buf made_by = sg_buf_make(100000);
        sg_makers_name(&made_by, x);
        put_together(out, &made_by, cell);
        sg_buf_printf(out, " | %lld", (long long)x->seed_generation);
        number_cell(out, x->seed_data < 0 ? (double)NAN : (double)x->seed_data);
        sg_buf_printf(out, " | %lld", (long long)x->n);
        number_cell(out, x->n_wanted);
        number_cell(out, x->n_attempts);
        number_cell(out, x->n_rejected);
        struct sg_buf status = sg_buf_make(1 << 20);
        sg_buf_printf(&status, "%s%s%s", x->status, x->shortfall[0] ? ": " : "", x->shortfall);
        put_together(out, &status, cell);
        settings_cell(out, x->settings);
        sg_buf_puts(out, " |\n");
    }
    sg_buf_puts(out, "\n");
}

static int some_task_has(const struct sg_export_pools *p, const struct sg_export_field *f)
{
    int has = strcmp(f->name, "text_pair") == 0; /* the sentence below speaks of it */
    for (int64_t i = 0; i < p->n; i++)
        has |= sg_export_has_field(&p->task[p->pool[i].task], f);
    return has;
}

static void fields(struct sg_buf *out, const struct sg_export_pools *p)
{
    sg_buf_puts(out, "## Fields\n\n| field | type | what it is |\n|---|---|---|\n");
    for (int k = 0; k < sg_n_export_fields; k++)
        if (some_task_has(p, &sg_export_fields[k]))
            sg_buf_printf(out, "| `%s` | %s | %s |\n", sg_export_fields[k].name, sg_export_fields[k].type,
                          sg_export_fields[k].description);
    sg_buf_puts(out, "\n`text_pair` is there for tasks with two texts alone.");
    if (sg_makers_have(p, SG_MADE_BY_LLM))
        sg_buf_puts(out, " Labels of what a language model wrote were asked for or chosen by it, and are not "
                         "checked by people.");
    if (sg_makers_have(p, SG_MADE_FREE))
        sg_buf_puts(out, " A changed raw row has the label of the row.");
    if (sg_makers_have(p, SG_MADE_FILE))
        sg_buf_puts(out, " Labels of files are those that stand there.");
    sg_buf_puts(out, "\n\n");
}

/* The prompt of a configuration's first example. */
static sg_status prompt(struct sg_buf *out, struct sg_ledger *l, const struct sg_export_pools *p, int64_t c,
                        int *n, struct sg_err *err)
{
    const struct sg_export_pool *x = NULL;
    for (int64_t i = 0; i < p->n && !x; i++)
        x = p->pool[i].config == c ? &p->pool[i] : NULL;
    struct sg_ledger_completion found = {0};
    int is_there = 0;
    if (!x || !x->completion[0])
        return SG_OK;
    SG_TRY(sg_ledger_completion_get(l, x->completion, &is_there, &found, err));
    if (!is_there || !found.request)
        return SG_OK;
    struct sg_buf text = sg_buf_make(PROMPT_MAX), shown = sg_buf_make(PROMPT_MAX);
    sg_prompt_text(found.request, &text);
    sg_buf_add(&shown, sg_buf_text(&text), text.len < SHOWN_MAX ? text.len : SHOWN_MAX);
    if (text.len > SHOWN_MAX) {
        sg_text_whole(shown.data);
        shown.len = strlen(shown.data);
        sg_buf_puts(&shown, " ...");
    }
    sg_buf_printf(out, "%s`%s`, its first example:\n\n",
                  (*n)++ ? "" : "What the model was asked, as it was sent.\n\n", p->config[c].name);
    sg_words_fenced(out, sg_buf_text(&shown));
    sg_buf_puts(out, "\n");
    sg_status status = sg_buf_check(&text, "a prompt", err);
    sg_buf_free(&text);
    sg_buf_free(&shown);
    return status;
}

static sg_status prompts(struct sg_buf *out, const char *folder, const struct sg_export_pools *p,
                         struct sg_err *err)
{
    struct sg_ledger *l = NULL;
    char *file = folder ? sg_path_join(folder, "ledger.sqlite") : NULL;
    int n = 0;
    sg_status status = SG_OK;
    sg_buf_puts(out, "## Prompts\n\n");
    if (file && sg_file_exists(file) && sg_ledger_open(folder, SG_LEDGER_COPY, &l, NULL) == SG_OK) {
        for (int64_t c = 0; c < p->n_configs && status == SG_OK; c++)
            status = prompt(out, l, p, c, &n, err);
        sg_ledger_close(l);
    }
    sg_free(file);
    if (!n)
        sg_buf_puts(out,
                    p->n_configs && !sg_makers_have(p, SG_MADE_BY_LLM)
                        ? "None: no language model was asked for these pools.\n"
                        : "They are in the study's ledger, which was not beside results.h5 when this was "
                          "exported.\n");
    return status;
}

static void license(struct sg_buf *out, const struct sg_export_options *o, const struct sg_export_pools *p)
{
    sg_buf_puts(out, "## Licence\n\n");
    if (o->license) {
        sg_buf_puts(out, "As named by who exported this: ");
        word(out, o->license);
        sg_buf_puts(out, ".");
    } else
        sg_buf_puts(out, "Unknown.");
    if (!o->license && (!p->n_configs || sg_makers_have(p, SG_MADE_BY_LLM)))
        sg_buf_puts(out, " What language models wrote is output of the models named above, whose terms say "
                         "what it may be used for; prompts with examples were made of raw rows, whose "
                         "licence may matter, too.");
    sg_makers_licences(out, p);
    sg_buf_puts(out, "\n\n");
}

sg_status sg_card_write(struct sg_buf *out, const struct sg_export_origin *from,
                        const struct sg_export_options *o, const struct sg_export_pools *p,
                        struct sg_err *err)
{
    head(out, from, o, p);
    sg_buf_puts(out, "# Synthetic examples of the study ");
    word(out, from->study);
    sg_buf_puts(out, "\n\nTexts for text classification");
    sg_buf_puts(out, p->n_configs ? ", " : "");
    sg_makers_say(out, p);
    sg_buf_puts(out, ". ");
    sg_card_origin(out, from);
    if (p->n_configs)
        sg_buf_printf(out,
                      "\n## How to read it\n\n```python\nfrom datasets import load_dataset\n"
                      "data = load_dataset(\"PATH/OF/THIS/FOLDER\", \"%s\", split=\"train\")\n```\n\n"
                      "A configuration holds all pools of a task and method; `pool`, `seed_generation` and "
                      "`seed_data` tell them apart.\n\n",
                      p->config[0].name);
    else
        sg_buf_puts(out, "\nThe study has no synthetic examples.\n\n");
    pools(out, p);
    fields(out, p);
    license(out, o, p);
    return prompts(out, o->ledger, p, err);
}
