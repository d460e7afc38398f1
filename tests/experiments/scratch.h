/* A throwaway folder that the test works in, with two small tasks and their rows. */
#ifndef SG_TESTS_EXPERIMENTS_SCRATCH_H
#define SG_TESTS_EXPERIMENTS_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char single_task[] = "task: single\n"
                                  "classes:\n"
                                  "  no: negative\n"
                                  "  yes: positive\n"
                                  "marks: {first: Review}\n"
                                  "prompts:\n"
                                  "  zero_shot: Write a {class} review.\n"
                                  "  zero_shot_topic: Write a {class} review of a {topic}.\n"
                                  "  few_shot: \"{examples}\\nOne more {class} review.\"\n"
                                  "  example: \"{class}: {text}\"\n"
                                  "  topics: List {n} films.\n";

static const char pair_task[] = "task: pair\n"
                                "title: Pairs\n"
                                "fields: {first: question, second: passage, label: answer}\n"
                                "truncate: only_second\n"
                                "classes: {a: A, b: B, c: C}\n"
                                "max_tokens: 160\n"
                                "data: {train: t.jsonl, hf: some/set}\n"
                                "marks: {first: Question, second: Passage, second_comes_first: true}\n"
                                "prompts:\n"
                                "  zero_shot: Write a {class} pair.\n"
                                "  example: \"{second} {first}\"\n";

static const char base_study[] = "study: small\n"
                                 "tasks: [single]\n"
                                 "sizes: [20, 60]\n"
                                 "raw: [40]\n";

static inline void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static char scratch_dir[] = "/tmp/sg-experiments-XXXXXX";

static inline int scratch_enter(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(scratch_dir));
    assert_int_equal(chdir(scratch_dir), 0);
    assert_int_equal(mkdir("tasks", 0777), 0);
    put("tasks/single.yaml", single_task);
    put("tasks/pair.yaml", pair_task);
    return 0;
}

static inline int scratch_leave(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", scratch_dir);
    return chdir("/") || system(command);
}

#endif
