#include "gen/pool/folded.h"

#include "base/buf.h"
#include "base/mem.h"
#include "gen/pool/near.h"

struct sg_folded {
    const struct sg_rows *rows;
    int64_t n_folded; /* of the rows, in their order */
    struct sg_set *set;
};

sg_status sg_folded_create(const struct sg_rows *rows, struct sg_folded **out, struct sg_err *err)
{
    struct sg_folded *t = sg_alloc(1, sizeof *t);
    if (!t)
        return sg_fail_memory(err, sizeof *t);
    t->rows = rows;
    sg_status status = sg_set_create(&t->set, err);
    if (status == SG_OK)
        *out = t;
    else
        sg_folded_destroy(t);
    return status;
}

void sg_folded_destroy(struct sg_folded *t)
{
    if (!t)
        return;
    sg_set_destroy(t->set);
    sg_free(t);
}

static sg_status fold_rows(struct sg_folded *t, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    sg_status status = SG_OK;
    while (status == SG_OK && t->n_folded < t->rows->n) {
        const struct sg_row *r = &t->rows->row[t->n_folded];
        sg_buf_clear(&b);
        sg_near_fold(r->first, r->second, &b);
        status = sg_buf_check(&b, "a text", err);
        if (status == SG_OK)
            status = sg_set_add(t->set, sg_buf_text(&b), b.len, err);
        t->n_folded += status == SG_OK;
    }
    sg_buf_free(&b);
    return status;
}

sg_status sg_folded_have(struct sg_folded *t, const unsigned char digest[32], int *yes, struct sg_err *err)
{
    if (t->rows && t->n_folded < t->rows->n)
        SG_TRY(fold_rows(t, err));
    *yes = sg_set_has_digest(t->set, digest);
    return SG_OK;
}
