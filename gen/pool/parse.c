#include "gen/pool/parse.h"

#include "base/mem.h"
#include "gen/pool/parse_impl.h"

#include <string.h>

void sg_parsed_free(struct sg_parsed *p)
{
    sg_free(p->first);
    sg_free(p->second);
    *p = (struct sg_parsed){0};
}

static enum sg_reject check_pair(const struct sg_parsed *p, const struct sg_wanted *w)
{
    enum sg_reject first = sg_check_length(p->first, w->one_word[0]),
                   second = sg_check_length(p->second, w->one_word[1]);
    if (first == SG_REJECT_EMPTY || second == SG_REJECT_EMPTY)
        return SG_REJECT_UNPARSABLE; /* a mark with nothing behind it */
    return first != SG_ACCEPTED ? first : second;
}

sg_status sg_parse_text(const struct sg_task *t, const char *clean, int cut, const struct sg_wanted *w,
                        enum sg_reject *reason, int *said, struct sg_parsed *out, struct sg_err *err)
{
    *out = (struct sg_parsed){0};
    *said = -1;
    if (!clean[strspn(clean, " \n")]) {
        *reason = cut ? SG_REJECT_CUT_OFF : SG_REJECT_EMPTY;
        return SG_OK;
    }
    if (strlen(clean) > SG_MAX_COMPLETION_BYTES) {
        *reason = SG_REJECT_TOO_LONG; /* some steps take the square of it */
        return SG_OK;
    }
    struct sg_parsed p = {0};
    if (t->second)
        *reason = t->second_comes_first ? sg_parse_pair(t, clean, cut, said, &p.second, &p.first)
                                        : sg_parse_pair(t, clean, cut, said, &p.first, &p.second);
    else
        *reason = sg_parse_single(t, clean, cut, w->one_word[0], said, &p.first);
    if (*reason == SG_ACCEPTED && p.second)
        *reason = check_pair(&p, w);
    if (*reason == SG_ACCEPTED &&
        (strlen(p.first) > SG_MAX_TEXT_BYTES || (p.second && strlen(p.second) > SG_MAX_TEXT_BYTES)))
        *reason = SG_REJECT_TOO_LONG;
    if (*reason == SG_ACCEPTED && p.second && sg_folded_equal(p.first, p.second))
        *reason = SG_REJECT_ECHO;
    if (*reason == SG_ACCEPTED && w->asked && *said != -1 && *said != w->asked - 1)
        *reason = SG_REJECT_WRONG_LABEL;
    if (*reason == SG_ACCEPTED) {
        *out = p;
        return SG_OK;
    }
    sg_parsed_free(&p);
    return *reason == SG_REJECT_FAILED ? sg_fail_memory(err, 1024) : SG_OK;
}
