/* Whether a model says that it does not do what was asked for. Local, pure. */
#ifndef SG_GEN_POOL_DECLINING_H
#define SG_GEN_POOL_DECLINING_H

/* Looks at how the text begins: "I'm sorry, but I cannot create such content", "As an AI ...", "Please provide the text". A
 * phrase alone is none: people cannot help but laugh, are sorry that they came, and are unable to sleep. */
int sg_is_refusal(const char *s);

#endif
