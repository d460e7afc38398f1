#include "results/h5/embeddings_impl.h"

#include "base/mem.h"

int sg_embeddings_select(hid_t dataset, int64_t from, int64_t to, int c, hid_t *memory, hid_t *space)
{
    hsize_t start[2] = {(hsize_t)from, 0}, count[2] = {(hsize_t)(to - from), (hsize_t)c};
    *space = H5Dget_space(dataset);
    *memory = H5Screate_simple(2, count, NULL);
    if (*space < 0 || *memory < 0)
        return -1;
    if (to > from)
        return H5Sselect_hyperslab(*space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ? -1 : 0;
    return H5Sselect_none(*space) < 0 || H5Sselect_none(*memory) < 0 ? -1 : 0;
}

/* < 0 on failure. */
static hid_t make_dataset(hid_t file, const char *name, const struct sg_embedded *d)
{
    hsize_t dims[2] = {(hsize_t)d->n, (hsize_t)d->c};
    hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(2, dims, NULL), dataset = -1;
    if (links >= 0 && space >= 0 && H5Pset_create_intermediate_group(links, 1) >= 0)
        dataset = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
    if (space >= 0)
        H5Sclose(space);
    if (links >= 0)
        H5Pclose(links);
    return dataset;
}

static int write_rows(hid_t dataset, hid_t transfer, int c, const float *x, int64_t from, int64_t to)
{
    hid_t memory = -1, rows = -1;
    int bad = sg_embeddings_select(dataset, from, to, c, &memory, &rows) < 0 ||
              H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, rows, transfer, x) < 0;
    if (memory >= 0)
        H5Sclose(memory);
    if (rows >= 0)
        H5Sclose(rows);
    return bad ? -1 : 0;
}

static sg_status end_dataset(hid_t dataset, int is_written, const struct sg_embedded *d, const char *path,
                             struct sg_err *err)
{
    sg_status status = is_written ? SG_OK : sg_h5_fail(err, SG_FAILED, path, "cannot be written");
    if (status == SG_OK)
        status = sg_h5_set_text(dataset, "texts_sha256", d->texts_sha256, path, err);
    if (dataset >= 0 && H5Dclose(dataset) < 0 && status == SG_OK)
        status = sg_h5_fail(err, SG_FAILED, path, "cannot be written");
    return status;
}

#ifdef H5_HAVE_PARALLEL

sg_status sg_embeddings_make(const struct sg_team *team, const char *path, hid_t *file, struct sg_err *err)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_fapl_mpio(access, team->comm, MPI_INFO_NULL) >= 0)
        *file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (access >= 0)
        H5Pclose(access);
    return *file < 0 ? sg_h5_fail(err, SG_FAILED, path, "cannot be made") : SG_OK;
}

sg_status sg_embeddings_put(const struct sg_team *team, hid_t file, const char *path, const char *name,
                            const struct sg_embedded *d, const float *x, int64_t from, int64_t to,
                            struct sg_err *err)
{
    (void)team;
    hid_t transfer = H5Pcreate(H5P_DATASET_XFER), dataset = -1;
    int good = transfer >= 0 && H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE) >= 0 &&
               (dataset = make_dataset(file, name, d)) >= 0 &&
               write_rows(dataset, transfer, d->c, x, from, to) == 0;
    sg_status status = end_dataset(dataset, good, d, path, err);
    if (transfer >= 0)
        H5Pclose(transfer);
    return status;
}

#else

enum { PIECE = 1 << 20 }; /* floats in one message: rank 0 needs no more memory than this */

sg_status sg_embeddings_make(const struct sg_team *team, const char *path, hid_t *file, struct sg_err *err)
{
    if (team->rank != 0)
        return SG_OK;
    *file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    return *file < 0 ? sg_h5_fail(err, SG_FAILED, path, "cannot be made") : SG_OK;
}

/* Rank 0 writes its own rows, then takes those of each rank. A failure stops the writing, not the taking: the others are sending. */
static sg_status put_all(const struct sg_team *team, hid_t file, const char *path, const char *name,
                         const struct sg_embedded *d, const float *x, const int64_t (*rows)[2], float *piece,
                         struct sg_err *err)
{
    int64_t step = PIECE / d->c > 0 ? PIECE / d->c : 1;
    hid_t dataset = make_dataset(file, name, d);
    int good = dataset >= 0 && write_rows(dataset, H5P_DEFAULT, d->c, x, rows[0][0], rows[0][1]) == 0;
    for (int r = 1; r < team->size; r++)
        for (int64_t from = rows[r][0]; from < rows[r][1]; from += step) {
            int64_t to = from + step < rows[r][1] ? from + step : rows[r][1];
            good &= MPI_Recv(piece, (int)(to - from) * d->c, MPI_FLOAT, r, 0, team->comm,
                             MPI_STATUS_IGNORE) == MPI_SUCCESS;
            good = good && write_rows(dataset, H5P_DEFAULT, d->c, piece, from, to) == 0;
        }
    return end_dataset(dataset, good, d, path, err);
}

static sg_status send_rows(const struct sg_team *team, int c, const float *x, int64_t n, struct sg_err *err)
{
    int64_t step = PIECE / c > 0 ? PIECE / c : 1;
    for (int64_t from = 0; from < n; from += step) {
        int64_t to = from + step < n ? from + step : n;
        SG_TRY(sg_mpi_check(MPI_Send(x + from * c, (int)(to - from) * c, MPI_FLOAT, 0, 0, team->comm),
                            "MPI_Send", err));
    }
    return SG_OK;
}

sg_status sg_embeddings_put(const struct sg_team *team, hid_t file, const char *path, const char *name,
                            const struct sg_embedded *d, const float *x, int64_t from, int64_t to,
                            struct sg_err *err)
{
    int64_t mine[2] = {from, to}, (*rows)[2] = NULL;
    float *piece = NULL;
    sg_status status = SG_OK;
    if (team->rank == 0) {
        rows = sg_alloc((size_t)team->size, sizeof *rows);
        piece = sg_alloc((size_t)(PIECE > d->c ? PIECE : d->c), sizeof *piece);
        if (!rows || !piece)
            status = sg_fail_memory(err, PIECE * sizeof *piece);
    }
    status = sg_agree(team, status, err); /* nobody sends to a rank that cannot take it */
    if (status == SG_OK)
        status = sg_mpi_check(MPI_Gather(mine, 2, MPI_INT64_T, rows, 2, MPI_INT64_T, 0, team->comm),
                              "MPI_Gather", err);
    if (status == SG_OK)
        status = team->rank == 0
                     ? put_all(team, file, path, name, d, x, (const int64_t(*)[2])rows, piece, err)
                     : send_rows(team, d->c, x, to - from, err);
    sg_free(rows);
    sg_free(piece);
    return status;
}

#endif
