/* Fuzzes the way from a completion to examples: whatever it says, examples that hold or a reason, at most as many as
 * were asked for, each on one line, in UTF-8 and with words.
 *
 *     build-fuzz/tests/fuzz/fuzz_parse -max_total_time=60 tests/fuzz/corpus/parse */
#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/parse_many.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define TEXT(literal) ((char *)(uintptr_t)(literal))

enum { MOST = 6 };

static struct sg_class mood[] = {{TEXT("bad"), TEXT("negative")}, {TEXT("good"), TEXT("positive")}};
static struct sg_class stars[] = {
    {TEXT("1"), TEXT("1 star (terrible)")}, {TEXT("5"), TEXT("5 stars")}, {TEXT("好"), TEXT("好评")}};

static void parse(const struct sg_task *t, const char *text, const char *finish, struct sg_wanted w)
{
    struct sg_candidate c[MOST];
    struct sg_err err = {0};
    int64_t n_out = 0;
    size_t before = sg_mem_now();
    if (sg_parse_examples(t, text, finish, w, c, &n_out, &err) != SG_OK || n_out < 1 || n_out > w.n)
        abort();
    for (int64_t i = 0; i < n_out; i++) {
        const struct sg_parsed *x = &c[i].x;
        int good = c[i].reason == SG_ACCEPTED;
        if (w.probability ? c[i].probability < 0 || c[i].probability > 1 : !isnan(c[i].probability))
            abort();
        if ((int)c[i].reason < 0 || c[i].reason >= SG_N_REJECTS || good != (x->first != NULL) ||
            (good && t->second != NULL) != (x->second != NULL) || c[i].class_ >= t->n_classes ||
            (good && w.label && c[i].class_ < 0))
            abort();
        for (int second = 0; good && second < 2; second++) {
            const char *s = second ? x->second : x->first;
            if (s && (!sg_utf8_valid(s, strlen(s)) || !sg_count_words(s) || strlen(s) > SG_MAX_TEXT_BYTES ||
                      strchr(s, '\n')))
                abort();
        }
        sg_parsed_free(&c[i].x);
    }
    if (sg_mem_now() != before)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = sg_strndup((const char *)data, n);
    if (!text)
        abort();
    struct sg_task single = {.name = TEXT("t"),
                             .first = TEXT("text"),
                             .label = TEXT("label"),
                             .n_classes = 2,
                             .class_ = mood,
                             .first_mark = TEXT("Review")};
    struct sg_task pair = single, other = single;
    pair.second = TEXT("passage");
    pair.first_mark = TEXT("Question");
    pair.second_mark = TEXT("Passage");
    pair.second_comes_first = 1;
    other.class_ = stars;
    other.n_classes = 3;
    other.first_mark = TEXT("评论");
    const char *finish = n % 3 == 0 ? NULL : n % 3 == 1 ? "length" : "stop";
    parse(&single, text, finish, (struct sg_wanted){.n = 1, .asked = 1});
    parse(&single, text, finish, (struct sg_wanted){.n = MOST, .label = 1});
    parse(&pair, text, finish, (struct sg_wanted){.n = 1, .asked = 2});
    parse(&pair, text, finish, (struct sg_wanted){.n = MOST, .label = 1, .one_word = {1, 1}});
    parse(&other, text, finish, (struct sg_wanted){.n = MOST, .asked = 1, .one_word = {1, 0}});
    parse(&single, text, finish, (struct sg_wanted){.n = MOST, .asked = 1, .probability = 1});
    parse(&pair, text, finish, (struct sg_wanted){.n = MOST, .label = 1, .probability = 1});
    struct sg_topics topics = {0};
    struct sg_err err;
    if (sg_parse_topics(&single, text, finish, &topics, &err) != SG_OK)
        abort();
    sg_topics_free(&topics);
    sg_free(text);
    return 0;
}
