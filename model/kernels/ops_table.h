/* A table of kernels as an initialiser, for the files that define them all under these names; what differs between
 * tables of one file are the three products. */
#ifndef SG_MODEL_KERNELS_OPS_TABLE_H
#define SG_MODEL_KERNELS_OPS_TABLE_H

#include "model/kernels/ops.h"

#define SG_OPS_TABLE(called, how, linear_, linear_dx_, linear_dw_)                                           \
    {                                                                                                        \
        .name = called, .rounding = how, .linear = linear_, .linear_dx = linear_dx_,                         \
        .linear_dw = linear_dw_, .add = add, .add_bias = add_bias, .column_sum = column_sum, .gelu = gelu,   \
        .gelu_slope = gelu_slope, .gelu_back = gelu_back, .tanh = tanh_all, .dropout = dropout,              \
        .norm = norm, .residual_norm = residual_norm, .norm_again = norm_again, .norm_back = norm_back,      \
        .residual_norm_back = residual_norm_back, .attention = attention, .attention_back = attention_back,  \
        .adam = adam, .adam_idle = adam_idle, .decay = decay, .sum_squares = sum_squares, .scores = scores,  \
        .scores_back = scores_back, .exp = exp_all, .log = log_all                                           \
    }

#endif
