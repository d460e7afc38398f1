#include "results/export/croissant.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/export/makers.h"
#include "results/export/words.h"

#include <stdlib.h>
#include <string.h>

/* Appendix 1 of the specification, as far as it is used here; `sc` and `@vocab` as mlcroissant has them. */
static const char context[] =
    "{\"@language\":\"en\",\"@vocab\":\"https://schema.org/\",\"annotation\":\"cr:annotation\","
    "\"arrayShape\":\"cr:arrayShape\",\"citeAs\":\"cr:citeAs\",\"column\":\"cr:column\","
    "\"conformsTo\":\"dct:conformsTo\",\"containedIn\":\"cr:containedIn\","
    "\"cr\":\"http://mlcommons.org/croissant/\",\"data\":{\"@id\":\"cr:data\",\"@type\":\"@json\"},"
    "\"dataType\":{\"@id\":\"cr:dataType\",\"@type\":\"@vocab\"},\"dct\":\"http://purl.org/dc/terms/\","
    "\"equivalentProperty\":\"cr:equivalentProperty\","
    "\"examples\":{\"@id\":\"cr:examples\",\"@type\":\"@json\"},\"excludes\":\"cr:excludes\","
    "\"extract\":\"cr:extract\",\"field\":\"cr:field\",\"fileObject\":\"cr:fileObject\","
    "\"fileProperty\":\"cr:fileProperty\",\"fileSet\":\"cr:fileSet\",\"format\":\"cr:format\","
    "\"includes\":\"cr:includes\",\"isArray\":\"cr:isArray\",\"isLiveDataset\":\"cr:isLiveDataset\","
    "\"jsonPath\":\"cr:jsonPath\",\"key\":\"cr:key\",\"md5\":\"cr:md5\",\"parentField\":\"cr:parentField\","
    "\"path\":\"cr:path\",\"rai\":\"http://mlcommons.org/croissant/RAI/\",\"readLines\":\"cr:readLines\","
    "\"recordSet\":\"cr:recordSet\",\"references\":\"cr:references\",\"regex\":\"cr:regex\","
    "\"repeated\":\"cr:repeated\",\"replace\":\"cr:replace\",\"samplingRate\":\"cr:samplingRate\","
    "\"sc\":\"https://schema.org/\",\"sdVersion\":\"cr:sdVersion\",\"separator\":\"cr:separator\","
    "\"source\":\"cr:source\",\"subField\":\"cr:subField\",\"transform\":\"cr:transform\","
    "\"unArchive\":\"cr:unArchive\",\"value\":\"cr:value\"}";

static const char *format_of(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".csv") == 0     ? "text/csv"
           : n > 6 && strcmp(path + n - 6, ".jsonl") == 0 ? "application/jsonlines"
                                                          : "text/markdown";
}

static json_t *distribution(const struct sg_out *o)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < o->n; i++) {
        const struct sg_out_file *f = &o->file[i];
        char size[32];
        snprintf(size, sizeof size, "%lld B", (long long)f->n_bytes);
        if (json_array_append_new(
                list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "@type", "cr:FileObject", "@id",
                                f->path, "name", f->path, "contentUrl", f->path, "contentSize", size,
                                "encodingFormat", format_of(f->path), "sha256", f->sha256)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* A column of the file `path`, as field `set`/`name`. */
static json_t *field(const char *set, const char *name, const char *description, const char *type,
                     const char *path)
{
    char *id = sg_strf("%s/%s", set, name);
    json_t *o = id ? json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:{s:s}, s:{s:s}}}", "@type", "cr:Field", "@id",
                               id, "name", name, "description", description, "dataType", type, "source",
                               "fileObject", "@id", path, "extract", "column", name)
                   : NULL;
    sg_free(id);
    return o;
}

static json_t *set_of(const char *id, json_t *description, json_t *fields)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "@type", "cr:RecordSet", "@id", id, "name", id,
                     "description", description, "field", fields);
}

static json_t *table_set(const struct sg_h5_table_spec *spec, const struct sg_export_table *t,
                         const char *prefix)
{
    json_t *fields = json_array();
    char *path = sg_strf("%s%s.csv", prefix, spec->name);
    int bad = !path;
    for (int c = 0; c < spec->n_columns && !bad; c++) {
        const struct sg_column *k = &spec->column[c];
        const char *type = k->type == SG_COL_TEXT                             ? "sc:Text"
                           : k->type == SG_COL_INT || k->type == SG_COL_INT32 ? "sc:Integer"
                                                                              : "sc:Float";
        char *about = k->unit[0] ? sg_strf("%s; %s", k->unit, k->description) : sg_strdup(k->description);
        if (t->has[c])
            bad = !about || json_array_append_new(fields, field(spec->name, k->name, about, type, path)) != 0;
        sg_free(about);
    }
    sg_free(path);
    if (bad) {
        json_decref(fields);
        return NULL;
    }
    return set_of(spec->name, json_string(spec->description), fields);
}

/* "sst2-zero_shot-g0", of "data/sst2/zero_shot-g0.jsonl": no table has a dash. */
static char *set_name(const struct sg_export_pool *x)
{
    char *name = sg_strdup(x->file + strlen("data/"));
    for (char *s = name; s && *s; s++)
        *s = (char)(*s == '/' ? '-' : *s);
    if (name)
        name[strlen(name) - strlen(".jsonl")] = 0;
    return name;
}

static json_t *about_pool(const struct sg_export_pools *p, const struct sg_export_pool *x)
{
    struct sg_buf b = sg_buf_make(1 << 20);
    sg_buf_puts(&b, "Synthetic examples; task: ");
    sg_buf_safe(&b, p->task[x->task].name, 200);
    sg_buf_puts(&b, ", method: ");
    sg_buf_safe(&b, x->method, 200);
    sg_buf_puts(&b, ", made by: ");
    sg_makers_name(&b, x);
    sg_buf_printf(&b, ", generation seed: %lld", (long long)x->seed_generation);
    json_t *j = b.failed ? NULL : json_string(sg_buf_text(&b));
    sg_buf_free(&b);
    return j;
}

static json_t *pool_set(const struct sg_export_pools *p, const struct sg_export_pool *x)
{
    json_t *fields = json_array();
    char *name = set_name(x);
    int bad = !name;
    for (int k = 0; k < sg_n_export_fields && !bad; k++) {
        const struct sg_export_field *f = &sg_export_fields[k];
        if (sg_export_has_field(&p->task[x->task], f))
            bad = json_array_append_new(
                      fields, field(name, f->name, f->description,
                                    strcmp(f->type, "string") == 0 ? "sc:Text" : "sc:Integer", x->file)) != 0;
    }
    json_t *set = bad ? NULL : set_of(name, about_pool(p, x), fields);
    if (bad)
        json_decref(fields);
    sg_free(name);
    return set;
}

static json_t *record_sets(const struct sg_export_table *table, const char *prefix,
                           const struct sg_export_pools *p)
{
    json_t *list = json_array();
    int bad = !list;
    for (int i = 0; i < SG_N_TABLES && !bad; i++)
        if (table[i].n_rows)
            bad = json_array_append_new(list, table_set(&sg_store_tables[i], &table[i], prefix)) != 0;
    for (int64_t i = 0; i < p->n && !bad; i++)
        if (p->pool[i].file)
            bad = json_array_append_new(list, pool_set(p, &p->pool[i])) != 0;
    if (bad) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *description(const struct sg_export_origin *from, const struct sg_export_pools *p)
{
    struct sg_buf b = sg_buf_make(1 << 20);
    sg_buf_puts(&b,
                "Results of a study by synthgrid: which synthetic data helps to train a text classifier. Its "
                "tables, and the examples");
    sg_buf_puts(&b, p->n_configs ? ", " : "");
    sg_makers_say(&b, p);
    sg_buf_puts(&b, ". Study: ");
    sg_buf_safe(&b, from->study, 200);
    sg_buf_printf(&b, "; content digest: %s.", from->digest);
    if (from->is_unfinished) {
        sg_buf_puts(&b, " ");
        sg_card_unfinished(&b, from);
    }
    if (from->rehearsal[0])
        sg_buf_puts(&b, " A rehearsal: the texts are a stub server's.");
    sg_makers_licences(&b, p);
    json_t *j = b.failed ? NULL : json_string(sg_buf_text(&b));
    sg_buf_free(&b);
    return j;
}

/* Croissant takes a name here, or a work; what holds whatever the name is stands in the description of the set. */
static json_t *license(const char *name, const struct sg_export_pools *p)
{
    if (name)
        return sg_words_json(name);
    struct sg_buf b = sg_buf_make(10000);
    if (!p->n_configs || sg_makers_have(p, SG_MADE_BY_LLM))
        sg_buf_puts(&b, "Output of language models, whose terms say what it may be used for; with raw rows "
                        "of the study's tasks, which have licences of their own.");
    else
        sg_buf_puts(&b, "With raw rows of the study's tasks, which have licences of their own.");
    sg_makers_licences(&b, p);
    json_t *j = b.failed ? NULL
                         : json_pack("{s:s, s:s, s:s}", "@type", "sc:CreativeWork", "name", "unknown",
                                     "description", sg_buf_text(&b));
    sg_buf_free(&b);
    return j;
}

/* Names are letters, digits, '.', '_' and '-' there. */
static json_t *dataset_name(const struct sg_export_origin *from)
{
    struct sg_buf name = sg_buf_make(1000), all = sg_buf_make(1000);
    sg_words_name(&name, from->study);
    sg_buf_printf(&all, "synthgrid-%s", sg_buf_text(&name));
    json_t *j = name.failed || all.failed ? NULL : json_string(sg_buf_text(&all));
    sg_buf_free(&name);
    sg_buf_free(&all);
    return j;
}

/* Of the data set itself, in BibTeX; neither has anything that could end a field. */
static json_t *citation(const json_t *name, const struct sg_export_origin *from)
{
    struct sg_buf digest = sg_buf_make(1000);
    sg_words_name(&digest, from->digest);
    const char *n = json_string_value(name);
    char *text = n ? sg_strf("@misc{%s, title = {Results of the study %s}, note = {synthgrid, content digest "
                             "%s}}",
                             n, n, sg_buf_text(&digest))
                   : NULL;
    json_t *j = text && !digest.failed ? json_string(text) : NULL;
    sg_free(text);
    sg_buf_free(&digest);
    return j;
}

sg_status sg_croissant_write(struct sg_out *o, const struct sg_export_origin *from,
                             const struct sg_export_options *options, const struct sg_export_table *table,
                             const char *prefix, const struct sg_export_pools *p, struct sg_err *err)
{
    char date[11] = "";
    strncpy(date, from->written, 10); /* "2026-12-01T..." */
    json_t *creator = options->creator ? json_pack("{s:s, s:o}", "@type", "sc:Organization", "name",
                                                   sg_words_json(options->creator))
                                       : NULL;
    json_t *name = dataset_name(from),
           *j = json_pack(
               "{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:s*, s:o*, s:s*, s:s, s:[s,s], s:o, s:o, s:o}",
               "@context", json_loads(context, 0, NULL), "@type", "sc:Dataset", "conformsTo",
               "http://mlcommons.org/croissant/1.1", "name", name, "citeAs", citation(name, from),
               "description", description(from, p), "license", license(options->license, p), "url",
               options->url, "creator", creator, "datePublished", date[0] ? date : NULL, "version", "1.0.0",
               "keywords", "text classification", "synthetic data", "identifier", sg_words_json(from->digest),
               "distribution", distribution(o), "recordSet", record_sets(table, prefix, p));
    char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
    struct sg_buf b = sg_buf_make(SIZE_MAX / 4);
    json_decref(j);
    if (text) {
        sg_buf_puts(&b, text);
        sg_buf_puts(&b, "\n");
    }
    sg_status status = text ? sg_out_text(o, "croissant.json", &b, err) : sg_fail_memory(err, 1 << 20);
    free(text);
    sg_buf_free(&b);
    return status;
}
