/* safetensors: named tensors in one file, or in shards that model.safetensors.index.json lists.
 *
 *     SG_TRY(sg_safetensors_open("data/encoders/minilm-l6", &s, err));        a folder, or a .safetensors file
 *     const struct sg_tensor_info *t = sg_safetensors_find(s, "embeddings.LayerNorm.weight");
 *     if (t && t->n_dims == 1 && t->shape[0] == C)
 *         SG_TRY(sg_safetensors_read(s, t, gamma, err));                      (t->n) float32
 *     sg_safetensors_close(s);
 *
 * A file is 8 bytes of header length N (little-endian, N <= 100,000,000), N bytes of JSON
 * {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, "__metadata__": {"key": "text"}},
 * and the data. All of it is untrusted: lengths, offsets (in order, no holes, no overlap, the whole file),
 * shapes (checked products that match the offsets), names (no duplicates) and shard names (no folder parts)
 * are checked when it is opened, so that reading can only fail for the disk. Data is read with pread: a file
 * that shrinks is an error, not a SIGBUS. */
#ifndef SG_MODEL_SAFETENSORS_H
#define SG_MODEL_SAFETENSORS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum sg_dtype {
    SG_DTYPE_F32,
    SG_DTYPE_F16,
    SG_DTYPE_BF16,
    SG_DTYPE_F64,
    SG_DTYPE_OTHER /* integers, booleans, 8-bit floats: listed (old checkpoints hold position_ids), never read */
};

enum { SG_TENSOR_DIMS = 8 };

struct sg_tensor_info {
    const char *name;
    enum sg_dtype dtype;
    char dtype_name[12]; /* as in the file: "F32", "I64" */
    int n_dims;          /* 0: a scalar */
    int64_t shape[SG_TENSOR_DIMS];
    int64_t n; /* elements: the product of the shape */
};

struct sg_safetensors;

/* Local. SG_INPUT with the file and the reason when it is missing, hostile or no safetensors at all (a Git
 * LFS pointer, a pickle). A folder is read by model.safetensors, or by model.safetensors.index.json where
 * that does not exist. */
sg_status sg_safetensors_open(const char *path, struct sg_safetensors **out, struct sg_err *err) SG_MUST_USE;
void sg_safetensors_close(struct sg_safetensors *s);

/* The tensors, sorted by name; infos are owned by s. find gives NULL for a name that is not there. */
int64_t sg_safetensors_count(const struct sg_safetensors *s);
const struct sg_tensor_info *sg_safetensors_at(const struct sg_safetensors *s, int64_t i);
const struct sg_tensor_info *sg_safetensors_find(const struct sg_safetensors *s, const char *name);

/* The paths of the files read (the index first), for digests and messages; NULL ends the list. Owned by s. */
const char *const *sg_safetensors_files(const struct sg_safetensors *s);

/* The path of the file that holds a tensor, owned by s. */
const char *sg_safetensors_file_of(const struct sg_safetensors *s, const struct sg_tensor_info *info);

/* Local, thread-safe. Writes info->n values to out, converted to float32 (exact for F16 and BF16, rounded to
 * nearest for F64). NaN and infinities are kept. SG_INPUT for SG_DTYPE_OTHER; SG_FAILED when the disk fails
 * or the file has shrunk. */
sg_status sg_safetensors_read(const struct sg_safetensors *s, const struct sg_tensor_info *info, float *out,
                              struct sg_err *err) SG_MUST_USE;

/* What is to be written: borrowed. */
struct sg_tensor {
    const char *name;
    int n_dims;
    int64_t shape[SG_TENSOR_DIMS];
    const float *data; /* row-major, product of the shape */
};

/* Local. Writes n tensors as F32, in the order given, with {"format": "pt"} as metadata (transformers asks
 * for it); under a temporary name, synced, renamed. The bytes depend on the arguments alone. */
sg_status sg_safetensors_write(const char *path, const struct sg_tensor *tensor, int64_t n,
                               struct sg_err *err) SG_MUST_USE;

#endif
