#include "fixture.h"

#include "gen/pool/classify.h"
#include "gen/pool/parse_many.h"
#include "gen/pool/reasoning.h"

#define THOUGHT "Okay, the user wants a review. A draft: <b>A bright film.</b>\n- [x] warm\n"
#define TEXT_   "The lead actor carries it."

/* How models of 2024 to 2026 put their reasoning before the answer: what opens it and what closes it. */
static const struct {
    const char *opens, *closes;
} form[] = {
    {"<think>", "</think>\n\n"}, /* DeepSeek, Qwen, Nemotron, Phi, GLM, MiniMax */
    {"", "</think>\n\n"},        /* the chat template has opened it */
    {"<thinking>", "</thinking>"},
    {"<thought>", "</thought>"},
    {"<seed:think>", "</seed:think>"},
    {"<reasoning>", "</reasoning>"},
    {"<scratchpad>", "</scratchpad>"},
    {"<THINK>", "</THINK>"},
    {"&lt;think&gt;", "&lt;/think&gt;"},
    {"[THINK]", "[/THINK]"},                                             /* Magistral */
    {"\xe2\x97\x81think\xe2\x96\xb7", "\xe2\x97\x81/think\xe2\x96\xb7"}, /* Kimi */
    {"<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"},        /* Command A */
    {"<|begin_of_thought|>", "<|end_of_thought|>\n\n<|begin_of_solution|>"},
    {"<|inner_prefix|>", "<|inner_suffix|>"},                                                   /* Apertus */
    {"<|channel>thought\n", "<channel|>"},                                                      /* Gemma 4 */
    {"<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"}, /* gpt-oss */
    {"", "<|end|><|start|>assistant<|channel|>final<|message|>"},
    {"analysis", "assistantfinal"}, /* the same without its marks */
    {"<|think|>", "<|end|><|begin|>assistant<|content|>"},
    {"<details type=\"reasoning\" done=\"true\">\n<summary>Thought for 3 seconds</summary>\n",
     "</details>\n"},
    {"<details>", "</details>"},
    {"<longcat_think>", "</longcat_think>\n"}, /* LongCat-Flash-Thinking */
    {"<mm:think>", "</mm:think>"},
    {"", "</ds_think>"},
    {"<unused94>thought\n", "<unused95>"}, /* MedGemma */
    {"<|reasoning_start|>", "<|reasoning_end|>"},
    {"<\xef\xbd\x9c"
     "begin\xe2\x96\x81of\xe2\x96\x81thinking\xef\xbd\x9c>",
     "<\xef\xbd\x9c"
     "end\xe2\x96\x81of\xe2\x96\x81thinking\xef\xbd\x9c>"},
    {"**Thinking:** ", "\n\n**Response:** "},
    {"Thought: ", "\nFinal Answer: "},
    {"```thinking\n", "\n```\n"},
    {"<think>", "</think><answer>"},
    {"<think>", "</think>\n<|begin_of_box|>"},
    {"Here is my thought process:\n", "\nHere is my response:\n"}, /* Granite */
    {"Thinking...\n", "...done thinking.\n\n"},
    {"**Thinking process:**\n", "\n**Final answer:**\n"},
};

static const char *const ends[] = {"",
                                   "<|im_end|>",
                                   "</s>",
                                   "<|eot_id|>",
                                   "<end_of_turn>",
                                   "<|end|>",
                                   "<|endoftext|>",
                                   ("<\xef\xbd\x9c"
                                    "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"),
                                   "<|return|>",
                                   "<turn|>",
                                   "<|END_RESPONSE|>",
                                   "</answer>",
                                   "[/INST]",
                                   " [end of text]",
                                   "<|im_end|>\n<|im_start|>user\nAnother one",
                                   "<|never_seen_token|>"};

static char *joined(const char *a, const char *b, const char *c, const char *d)
{
    static char text[2000];
    snprintf(text, sizeof text, "%s%s%s%s", a, b, c, d);
    return text;
}

static struct sg_candidate parsed(const struct sg_task *t, const char *text, const char *finish, int64_t n,
                                  struct sg_candidate *more)
{
    struct sg_candidate c[4] = {{0}};
    struct sg_err err;
    int64_t n_out;
    assert_int_equal(sg_parse_examples(t, text, finish, (struct sg_wanted){.n = n}, c, &n_out, &err), SG_OK);
    if (more)
        *more = n_out > 1 ? c[1] : (struct sg_candidate){0};
    return c[0];
}

static void assert_text(struct sg_candidate c, const char *first, const char *second, const char *from)
{
    if (c.reason != SG_ACCEPTED)
        fail_msg("%s: %s", from, sg_reject_name(c.reason));
    assert_string_equal(c.x.first, first);
    if (second)
        assert_string_equal(c.x.second, second);
    sg_parsed_free(&c.x);
}

static void texts(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    for (int i = 0; i < N_OF(form); i++) {
        for (int e = 0; e < N_OF(ends); e++) {
            const char *text = joined(form[i].opens, THOUGHT, form[i].closes, TEXT_);
            char whole[2000];
            snprintf(whole, sizeof whole, "%s%s", text, ends[e]);
            assert_text(parsed(&t, whole, "stop", 1, NULL), TEXT_, NULL, whole);
        }
        struct sg_candidate c =
            parsed(&t, joined(form[i].opens, THOUGHT, form[i].closes, ""), "stop", 1, NULL);
        assert_int_equal(c.reason, SG_REJECT_REASONING);
        c = parsed(&t, joined(form[i].opens, THOUGHT, "", ""), "length", 1, NULL);
        assert_int_equal(c.reason, SG_REJECT_REASONING);
    }
}

static void pairs_lists_and_json(void **state)
{
    (void)state;
    const struct sg_task t = mood_task(), pair = quiz_task();
    for (int i = 0; i < N_OF(form); i++) {
        const char *text =
            joined(form[i].opens, THOUGHT "Passage: A draft.\nQuestion: is it a draft?\nNo, better:\n",
                   form[i].closes, "Passage: Owls fly.\nQuestion: do owls fly?");
        assert_text(parsed(&pair, text, "stop", 1, NULL), "do owls fly?", "Owls fly.", text);
        struct sg_candidate second;
        text = joined(form[i].opens, THOUGHT "1. One draft.\n2. Two drafts.\n", form[i].closes,
                      "1. " TEXT_ "\n2. It is a dull film.");
        assert_text(parsed(&t, text, "stop", 2, &second), TEXT_, NULL, text);
        assert_text(second, "It is a dull film.", NULL, text);
        text = joined(form[i].opens, THOUGHT "{\"text\": \"One draft.\"}\n", form[i].closes,
                      "{\"examples\": [{\"Review\": \"" TEXT_ "\"}]}");
        assert_text(parsed(&t, text, "stop", 2, NULL), TEXT_, NULL, text);
    }
}

static void topics_and_classes(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    for (int i = 0; i < N_OF(form); i++) {
        struct sg_topics topics = {0};
        struct sg_err err;
        enum sg_class_answer v;
        int class_;
        const char *text = joined(form[i].opens, THOUGHT "- vary genres\n- no repeats\n", form[i].closes,
                                  "1. Western films\n2. Space films");
        assert_int_equal(sg_parse_topics(&t, text, "stop", &topics, &err), SG_OK);
        assert_int_equal(topics.n, 2);
        assert_string_equal(topics.item[0], "Western films");
        sg_topics_free(&topics);
        text = joined(form[i].opens, "Okay, the user wants a label. Is it negative? No.\nLabel: negative\n",
                      form[i].closes, "positive");
        assert_int_equal(sg_classify_answer(&t, text, "stop", &v, &class_, &err), SG_OK);
        assert_int_equal(class_, 1);
        text = joined(form[i].opens, "Okay, the user wants a label. Is it negative?", "", "");
        assert_int_equal(sg_classify_answer(&t, text, "length", &v, &class_, &err), SG_OK);
        assert_int_equal(v, SG_CLASS_REASONING);
    }
}

/* What has such signs and is a text. */
static void innocent(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    static const char *const text[] = {"I <3 this film so much [spoilers] it hurts",
                                       "A <b>great</b> film.",
                                       "[REC] is a scary film.",
                                       "[Spoiler] He dies at the end.",
                                       "Five < six and > four words",
                                       "I <s>hate</s> love this film.",
                                       "<i>Jaws</i> is a dull film.",
                                       "<spoiler>He dies</spoiler> What a film.",
                                       "The thought of it [sic] hurts.",
                                       "The <answer> is no film.",
                                       "Thinking about it, I liked the film.",
                                       "The final act, an analysis of guilt, is great.",
                                       "Okay, so I cried twice.",
                                       "We need to talk about this film."};
    for (int i = 0; i < N_OF(text); i++) {
        assert_text(parsed(&t, text[i], "stop", 1, NULL), text[i], NULL, text[i]);
        struct sg_said said = sg_said_find(&t, text[i]);
        assert_false(said.reasons);
    }
}

/* A task whose texts are called so keeps its tags. */
static void own_marks(void **state)
{
    (void)state;
    struct sg_task t = quiz_task();
    t.second_mark = TEXT("Answer");
    assert_text(
        parsed(&t, "<question>do owls fly?</question>\n<answer>Owls fly at night.</answer>", "stop", 1, NULL),
        "do owls fly?", "Owls fly at night.", "tags of the task");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(pairs_lists_and_json),
                                       cmocka_unit_test(topics_and_classes), cmocka_unit_test(innocent),
                                       cmocka_unit_test(own_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
