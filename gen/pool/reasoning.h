/* Where the answer stands in what a chat model has said: the one stage before all parsers (texts, pairs, lists, topics,
 * JSON, classifications).
 *
 * Models that reason do it in the open where the server does not take it out, each in its own form:
 *   <think> ... </think> (DeepSeek, Qwen, Nemotron, Phi, GLM, and with other names <thinking>, <thought>, <seed:think>,
 *       <reasoning>, <scratchpad>, <details>, ...), often without the opening, which the chat template has written
 *   [THINK] ... [/THINK] (Magistral), ◁think▷ ... ◁/think▷ (Kimi), <|START_THINKING|> ... <|END_THINKING|> (Command A),
 *   <|begin_of_thought|> ..., <|inner_prefix|> ... <|inner_suffix|> (Apertus), <|channel>thought ... <channel|> (Gemma 4)
 *   <|channel|>analysis<|message|> ... <|channel|>final<|message|> (gpt-oss), or "analysis ... assistantfinal ..." where the
 *       server has left the marks out
 *   "Here is my thought process: ... Here is my response: ..." (Granite), "Thinking... ... ...done thinking."
 *   <answer> ... </answer> and the like around the answer
 * What stands behind the last closing mark counts. Opened and never closed, or with nothing behind it, all is reasoning.
 * The chat's own marks (<|im_end|>, </s>, <end_of_turn>, ...) end the answer. Any other "<" or "[" is text.
 * Local, pure, linear time. */
#ifndef SG_GEN_POOL_REASONING_H
#define SG_GEN_POOL_REASONING_H

#include "gen/pool/task.h"

#include <stddef.h>

struct sg_said {
    const char *text; /* where the answer begins, inside of what was given */
    size_t n;         /* its bytes */
    int reasons;      /* there is reasoning before it, or nothing else */
    int only_reasons; /* there is no answer: n is 0 */
};

/* t: its marks and fields in <...> are no reasoning ("<answer>" where a text is called so); may be NULL. */
struct sg_said sg_said_find(const struct sg_task *t, const char *text);

/* The answer as sg_clean_copy (gen/pool/clean.h) leaves it, trimmed: new memory. NULL without memory. */
char *sg_said_copy(const struct sg_task *t, const char *text, int *only_reasons);

#endif
