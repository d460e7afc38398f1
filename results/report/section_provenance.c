#include "results/report/section.h"

/* What a reader needs to make the same numbers again, as far as the file knows it. */
sg_status sg_section_provenance(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {{"what", SG_DOC_TEXT, ""}, {"value", SG_DOC_TEXT, ""}};
    static const struct {
        const char *attribute, *name;
    } row[] = {{"program", "program"},
               {"run_git", "git"},
               {"encoder_sha256", "encoder, SHA-256"},
               {"content_sha256", "content, SHA-256"},
               {"run_host", "host"},
               {"run_cpu", "CPU"},
               {"run_ranks", "ranks"},
               {"run_created", "begun"},
               {"run_updated", "last at work"},
               {"written", "written"}};
    (void)err;
    sg_doc_table(doc, "provenance", "Where these numbers come from", 0, 2, column);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *text = json_string_value(json_object_get(in->d->provenance, row[i].attribute));
        if (!text || !text[0])
            continue;
        sg_doc_text(doc, row[i].name);
        sg_doc_text(doc, text);
    }
    sg_doc_note(doc,
                "The content's digest is over all that is science in results.h5, without times and hosts: "
                "the same study gives the same one anywhere.");
    return SG_OK;
}
