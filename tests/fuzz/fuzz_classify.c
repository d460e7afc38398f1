/* Fuzzes the reading of a classifier's answer: whatever it says, one class or a reason; and what names a class alone in any
 * decoration stays that class.
 *
 *     build-fuzz/tests/fuzz/fuzz_classify -max_total_time=60 tests/fuzz/corpus/classify */
#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/classify.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static struct sg_class rte[] = {{TEXT("entailment"), TEXT("follows from the premise")},
                                {TEXT("not_entailment"), TEXT("does not follow from the premise")}};
static struct sg_class boolq[] = {{TEXT("false"), TEXT("no")}, {TEXT("true"), TEXT("yes")}};
static struct sg_class nyt[] = {
    {TEXT("labor, employment and immigration"), TEXT("labor, employment and immigration")},
    {TEXT("health"), TEXT("health")},
    {TEXT("1 star"), TEXT("1 star (terrible)")}};

static void read_as(struct sg_class *class_, int n_classes, const char *text, const char *finish)
{
    struct sg_task t = {
        .name = TEXT("t"), .first_mark = TEXT("Text"), .n_classes = n_classes, .class_ = class_};
    struct sg_err err = {0};
    enum sg_class_answer v;
    int k, again;
    size_t before = sg_mem_now();
    if (sg_classify_answer(&t, text, finish, &v, &k, &err) != SG_OK)
        abort();
    if ((v == SG_CLASS_ONE) != (k >= 0) || k >= n_classes || v >= SG_N_CLASS_ANSWERS)
        abort();
    if (k >= 0) { /* what it is read as, said alone, is that class */
        char *alone = sg_strf("**Label:** \"%s\".\n", class_[k].readable);
        if (!alone || sg_classify_answer(&t, alone, "stop", &v, &again, &err) != SG_OK || again != k)
            abort();
        sg_free(alone);
    }
    if (sg_mem_now() != before)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = sg_strndup((const char *)data, n);
    if (!text)
        abort();
    const char *finish = n % 3 == 0 ? NULL : n % 3 == 1 ? "length" : "stop";
    read_as(rte, 2, text, finish);
    read_as(boolq, 2, text, finish);
    read_as(nyt, 3, text, finish);
    sg_free(text);
    return 0;
}
