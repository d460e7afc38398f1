/* An LLM in this process, by libllama: for clusters where no server runs. gen/llm/client.h is its only user.
 *
 * Requests queue; each turn is one decoding step of all that are under way, as one batch. A prompt's beginning that another
 * one had (the system's text, the examples) is not computed again: sequence 0 keeps a prompt, and others copy what they
 * share with it. A request is sampled with its own seed, temperature and top_p; what else is in the batch touches its
 * answer through the rounding of sums alone. What is asked for beyond these (response_format) counts as refused.
 *
 * Prompts are laid out by the model's own chat template, as far as libllama knows it. A message that holds the text of a
 * control token ("<|im_end|>") is refused: it would end its own turn.
 *
 * Without libllama (cmake -DSG_LLAMA=OFF, or none was found) `create` says so. */
#ifndef SG_GEN_LLM_LLAMA_H
#define SG_GEN_LLM_LLAMA_H

#include "gen/llm/attempt.h"

struct sg_llama;

/* Local. Loads the model, whose path is the generator's base_url; `connections`: answers that are written at the same time.
 * SG_INPUT for a file that cannot be used. `g` is borrowed. */
sg_status sg_llama_create(const struct sg_generator *g, int64_t connections, struct sg_llama **out,
                          struct sg_err *err) SG_MUST_USE;
void sg_llama_destroy(struct sg_llama *l);

/* Local. "llama <file>": where sg_client_origin says an address. */
const char *sg_llama_origin(const struct sg_llama *l);

/* Local. Whether a turn has anything to compute. */
int sg_llama_is_busy(const struct sg_llama *l);

/* Local. As sg_client_send, _turn and _abandon. What the provider lacks is passed over. */
sg_status sg_llama_send(struct sg_llama *l, int64_t id, const struct sg_request *q,
                        struct sg_err *err) SG_MUST_USE;
sg_status sg_llama_turn(struct sg_llama *l, int timeout_ms, sg_client_each each, void *context,
                        struct sg_err *err) SG_MUST_USE;
void sg_llama_abandon(struct sg_llama *l);

/* "libllama 0.5.0", or NULL without it. */
const char *sg_llama_version(void);

#endif
