/* OpenAI's chat completions, as OpenAI, Azure and nearly every server of one's own speak them. Canonical requests are these. */
#include "base/json.h"
#include "base/text.h"
#include "gen/llm/provider.h"

/* Whether there is a text that is not blank, or a list that is not empty. */
static int has_content(const json_t *v)
{
    return json_is_string(v) ? !sg_text_is_blank(json_string_value(v)) : json_array_size(v) > 0;
}

static int has_thoughts(const json_t *message)
{
    static const char *const names[] = {"reasoning_content", "reasoning", "reasoning_details", "thinking",
                                        NULL};
    for (const char *const *name = names; *name; name++)
        if (has_content(json_object_get(message, *name)))
            return 1;
    return 0;
}

static void read_usage(const json_t *usage, struct sg_wire_answer *out)
{
    out->tokens_in = sg_wire_count(usage, "prompt_tokens", -1);
    out->tokens_out = sg_wire_count(usage, "completion_tokens", -1);
    out->cached = sg_wire_count(json_object_get(usage, "prompt_tokens_details"), "cached_tokens", 0);
}

static int read_answer(const json_t *o, struct sg_wire_answer *out)
{
    const json_t *choice = json_array_get(json_object_get(o, "choices"), 0),
                 *message = json_object_get(choice, "message"),
                 *content = json_object_get(message, "content");
    read_usage(json_object_get(o, "usage"), out);
    if (!json_is_object(message))
        return 0;
    out->text = json_is_array(content) ? sg_wire_text_of_parts(content) : sg_wire_text(content);
    out->finish = json_is_string(json_object_get(message, "refusal")) && !out->text ? "refusal"
                  : has_thoughts(message) && sg_text_is_blank(out->text)
                      ? SG_FINISH_REASONING
                      : sg_json_text_or(choice, "finish_reason", NULL);
    out->model = sg_json_text_or(o, "model", NULL);
    out->id = sg_json_text_or(o, "id", NULL);
    return 1;
}

const struct sg_wire sg_wire_openai = {
    .read = read_answer,
    .limit_header = {[SG_WIRE_LIMIT_REQUESTS] = "x-ratelimit-limit-requests",
                     [SG_WIRE_LIMIT_TOKENS] = "x-ratelimit-limit-tokens",
                     [SG_WIRE_LEFT_REQUESTS] = "x-ratelimit-remaining-requests",
                     [SG_WIRE_LEFT_TOKENS] = "x-ratelimit-remaining-tokens",
                     [SG_WIRE_RESET_REQUESTS] = "x-ratelimit-reset-requests",
                     [SG_WIRE_RESET_TOKENS] = "x-ratelimit-reset-tokens"},
};
