"""The arithmetic that a training step must do, whatever a program does beyond it.

n: tokens of a sequence, C channels, F feed-forward, L layers; a multiply-add is 2 FLOPs. Forward:
  each layer but the last, each token:    2 (4 C^2 + 2 C F)   query, key, value, output; the two feed-forward products
                                          + 4 n C             scores and context
  the last layer, each token:             2 (2 C^2)           keys and values: only the first token's output is read
  the last layer, each sequence:          2 (2 C^2 + 2 C F) + 4 n C
Backward is twice forward (each product has two gradients). Not counted: softmax, norms, GELU, dropout, embeddings, head,
optimiser, and anything that is computed again.
"""
FORMULA = "3 sum over sequences of [(L-1) (n (8C^2 + 4CF) + 4n^2 C) + 4n C^2 + 4C^2 + 4CF + 4nC]"


def step_flops(lengths, shape):
    """Forward and backward of sequences of these lengths. shape: config.json's sizes."""
    L, C, F = (shape[key] for key in ("num_hidden_layers", "hidden_size", "intermediate_size"))
    forward = 0
    for n in lengths:
        forward += (L - 1) * (n * (8 * C * C + 4 * C * F) + 4 * n * n * C)
        forward += 4 * n * C * C + 4 * C * C + 4 * C * F + 4 * n * C
    return 3 * forward
