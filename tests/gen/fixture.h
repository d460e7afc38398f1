/* Two small tasks, a generator and rows for the tests of gen/. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rows.h"
#include "gen/pool/pool.h"
#include "gen/pool/task.h"

#define N_OF(x)       ((int)(sizeof(x) / sizeof(x)[0]))
#define TEXT(literal) ((char *)(uintptr_t)(literal)) /* a field that the tests never free */

static struct sg_class mood_class[] = {{TEXT("bad"), TEXT("negative")}, {TEXT("good"), TEXT("positive")}};
static struct sg_class pair_class[] = {{TEXT("false"), TEXT("no")}, {TEXT("true"), TEXT("yes")}};

static inline struct sg_task mood_task(void)
{
    return (struct sg_task){
        .name = TEXT("mood"),
        .first = TEXT("text"),
        .label = TEXT("label"),
        .n_classes = 2,
        .class_ = mood_class,
        .max_tokens = 48,
        .first_mark = TEXT("Review"),
        .prompt = {.system = TEXT("You are a critic."),
                   .zero_shot = TEXT("Write a {class} review."),
                   .zero_shot_topic = TEXT("Write a {class} review about {topic}."),
                   .few_shot = TEXT("{examples}\n\nWrite one more {class} review."),
                   .example = TEXT("{class}: {text}"),
                   .topics = TEXT("List {n} things."),
                   .rephrase = TEXT("Say {text}"),
                   .classify = TEXT("{classes}? {text}"),
                   .error_driven = TEXT("Wrong:\n\n{examples}\n\nOne more {class} review.")},
        .digest = "0123"};
}

/* Question and passage: the LLM writes the passage first. */
static inline struct sg_task quiz_task(void)
{
    struct sg_task t = mood_task();
    t.name = TEXT("quiz");
    t.first = TEXT("question");
    t.second = TEXT("passage");
    t.class_ = pair_class;
    t.first_mark = TEXT("Question");
    t.second_mark = TEXT("Passage");
    t.second_comes_first = 1;
    t.prompt.few_shot = TEXT("A question with the answer {class}.");
    t.prompt.example = TEXT("Passage: {second}\nQuestion: {first}");
    return t;
}

static inline struct sg_generator some_generator(void)
{
    return (struct sg_generator){.provider = "openai",
                                 .model = "tiny",
                                 .api_key_env = "OPENAI_API_KEY",
                                 .temperature = 1.0,
                                 .top_p = 0.95,
                                 .max_tokens = 256,
                                 .connections = 4,
                                 .timeout_s = 600,
                                 .retries = 8,
                                 .usd_per_1m_input = -1,
                                 .usd_per_1m_output = -1};
}

static inline void add_row(struct sg_rows *rows, const char *first, const char *second, const char *label)
{
    struct sg_err err;
    assert_int_equal(sg_rows_add(rows, first, second, label, &err), SG_OK);
}

/* n rows a class: "raw bad text 0", ... */
static inline struct sg_rows some_rows(int n)
{
    struct sg_rows rows = {0};
    for (int i = 0; i < 2 * n; i++) {
        char text[64];
        snprintf(text, sizeof text, "raw %s text %d", i % 2 ? "good" : "bad", i / 2);
        add_row(&rows, text, NULL, i % 2 ? "good" : "bad");
    }
    return rows;
}

#endif
