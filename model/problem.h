/* What a classifier's logits mean: transformers' problem_type, and a sole label that has none. */
#ifndef SG_MODEL_PROBLEM_H
#define SG_MODEL_PROBLEM_H

enum sg_problem {
    SG_SINGLE_LABEL, /* softmax over the classes */
    SG_MULTI_LABEL,  /* a sigmoid each */
    SG_REGRESSION,   /* the values themselves */
    SG_ONE_LABEL     /* one number: a value, and by its sigmoid a probability */
};

#endif
