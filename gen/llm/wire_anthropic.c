/* Anthropic's messages (docs.anthropic.com, "Messages"). */
#include "base/json.h"
#include "base/text.h"
#include "gen/llm/provider.h"

#include <string.h>

/* The system's text stands beside the messages; a top_p of 1 says nothing, but newer models refuse it beside a temperature. */
static void write_request(json_t *o)
{
    json_t *messages = json_object_get(o, "messages"), *first = json_array_get(messages, 0);
    const char *role = sg_json_text_or(first, "role", NULL);
    if (role && strcmp(role, "system") == 0) {
        json_object_set(o, "system", json_object_get(first, "content"));
        json_array_remove(messages, 0);
    }
    if (sg_json_number_or(o, "top_p", 0) == 1)
        json_object_del(o, "top_p");
}

static int has_part(const json_t *parts, const char *wanted)
{
    const json_t *part;
    size_t i;
    json_array_foreach (parts, i, part) {
        const char *type = sg_json_text_or(part, "type", NULL);
        if (type && strcmp(type, wanted) == 0)
            return 1;
    }
    return 0;
}

/* In OpenAI's word, where it has one. */
static const char *finish_of(const char *reason)
{
    static const char *const words[][2] = {
        {"end_turn", "stop"}, {"stop_sequence", "stop"}, {"max_tokens", "length"}};
    for (size_t i = 0; reason && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(reason, words[i][0]) == 0)
            return words[i][1];
    return reason;
}

static void read_usage(const json_t *usage, struct sg_wire_answer *out)
{
    out->tokens_in = sg_wire_count(usage, "input_tokens", -1);
    out->tokens_out = sg_wire_count(usage, "output_tokens", -1);
    out->cached = sg_wire_count(usage, "cache_read_input_tokens", 0);
    out->apart = out->cached + sg_wire_count(usage, "cache_creation_input_tokens", 0);
}

static int read_answer(const json_t *o, struct sg_wire_answer *out)
{
    const json_t *parts = json_object_get(o, "content");
    read_usage(json_object_get(o, "usage"), out);
    if (!json_is_array(parts))
        return 0;
    out->text = sg_wire_text_of_parts(parts);
    out->finish = sg_text_is_blank(out->text) && has_part(parts, "thinking")
                      ? SG_FINISH_REASONING
                      : finish_of(sg_json_text_or(o, "stop_reason", NULL));
    out->model = sg_json_text_or(o, "model", NULL);
    out->id = sg_json_text_or(o, "id", NULL);
    return 1;
}

const struct sg_wire sg_wire_anthropic = {
    .write = write_request,
    .read = read_answer,
    .limit_header = {[SG_WIRE_LIMIT_REQUESTS] = "anthropic-ratelimit-requests-limit",
                     [SG_WIRE_LIMIT_TOKENS] = "anthropic-ratelimit-tokens-limit",
                     [SG_WIRE_LEFT_REQUESTS] = "anthropic-ratelimit-requests-remaining",
                     [SG_WIRE_LEFT_TOKENS] = "anthropic-ratelimit-tokens-remaining",
                     [SG_WIRE_RESET_REQUESTS] = "anthropic-ratelimit-requests-reset",
                     [SG_WIRE_RESET_TOKENS] = "anthropic-ratelimit-tokens-reset"},
};
