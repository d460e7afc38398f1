/* What becomes of an example that an LLM has written: it is accepted, or rejected for a reason. The names stand in ledgers, results.h5
 * and reports. */
#ifndef SG_GEN_POOL_REJECT_H
#define SG_GEN_POOL_REJECT_H

/* Why a draw gave no example. */
enum sg_reject {
    SG_ACCEPTED,
    SG_REJECT_FAILED, /* no answer: the request failed for good */
    SG_REJECT_EMPTY,
    SG_REJECT_CUT_OFF,    /* finish_reason "length" and no whole example in it */
    SG_REJECT_REFUSED,    /* content filter, or "I cannot ..." */
    SG_REJECT_UNPARSABLE, /* a pair without its marks */
    SG_REJECT_ECHO,       /* repeats the prompt or one of its examples */
    SG_REJECT_DUPLICATE,  /* of an earlier position or a raw row (after folding case, blanks and punctuation)
                           */
    SG_REJECT_LEAKAGE,    /* of a test row */
    SG_REJECT_TOO_LONG,
    SG_REJECT_WRONG_LABEL, /* the label that the LLM chose is no class, or not the one that was asked for */
    SG_REJECT_SURPLUS,     /* a good example of a class that had enough */
    SG_REJECT_NEAR_RAW,    /* a near-duplicate of a training row */
    SG_REJECT_NEAR_TEST,   /* ... of a test row */
    SG_REJECT_NEAR_POOL,   /* ... of an earlier position */
    SG_REJECT_MARKED,      /* the text to be rephrased holds the marks that texts stand between */
    SG_REJECT_REASONING,   /* the model thought aloud, and said nothing behind it */
    SG_REJECT_TOO_SHORT,   /* fewer words than the raw rows have */
    SG_N_REJECTS
};
const char *sg_reject_name(enum sg_reject r);

#endif
