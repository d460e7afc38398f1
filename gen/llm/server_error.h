/* What a server's error says, in every shape that servers use: {"error": {"message", "code", "type", "param"}}, [{"error": ..}],
 * {"error": "..."}, {"message": "..."}, {"detail": "..."}, {"detail": [{"loc", "msg"}]}, {"message": {"detail": [..]}},
 * {"errors": [..]}, plain text, a page of HTML (its title). Seen in: OpenAI, Anthropic, Gemini, Mistral, OpenRouter, LiteLLM, vLLM,
 * llama.cpp, llama-cpp-python, transformers serve. */
#ifndef SG_GEN_LLM_SERVER_ERROR_H
#define SG_GEN_LLM_SERVER_ERROR_H

#include <jansson.h>
#include <stddef.h>

struct sg_server_error {
    char message[400]; /* for people: printable, redacted; "" when nothing is said */
    char text[4000];   /* the same words as they came, longer, to be searched; never printed */
    char code[80], type[80], param[120]; /* of the innermost object that has them; "" when none has */
    int is_json;                         /* the API's own words, not those of a page on the way */
    char loc[400];                       /* all names in `loc` lists, blanks around each: " body seed " */
};

/* Local. Whatever the body is; what it does not say is "". */
void sg_server_error_read(const char *body, size_t n, struct sg_server_error *out);

/* Local. A server's JSON, as jansson's json_loadb; NULL also for what has more values than any answer: they take up to a hundred
 * times their length in memory. */
json_t *sg_reply_json(const char *body, size_t n, size_t flags);

/* The message alone. */
void sg_reply_error_text(const char *body, size_t n, char *out, size_t n_out);

#endif
