/* Private to results/: the few BLACS, PBLAS and ScaLAPACK symbols we call. No ScaLAPACK ships a header of its
 * own.
 *
 * BLACS' C interface (names with a C in front) and PBLAS (pdsyrk_) are written in C; pdsyev_ is Fortran,
 * whose compilers pass the length of each character argument as a hidden value at the end. Integers are
 * Fortran's default, 32 bits (LP64). ScaLAPACK Users' Guide (Blackford et al. 1997): descriptors 4.3.3,
 * NUMROC and DESCINIT there too; PDSYRK 5; PDSYEV 3.3. */
#ifndef SG_RESULTS_STATS_SCALAPACK_H
#define SG_RESULTS_STATS_SCALAPACK_H

#include <mpi.h>
#include <stddef.h>

enum { SG_DESC = 9 }; /* integers in an array descriptor */

int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int n_rows, int n_cols);
void Cblacs_gridinfo(int context, int *n_rows, int *n_cols, int *row, int *col);
void Cblacs_gridexit(int context);

int numroc_(const int *n, const int *block, const int *process, const int *first, const int *n_processes);
void descinit_(int *desc, const int *m, const int *n, const int *block_m, const int *block_n,
               const int *row_first, const int *col_first, const int *context, const int *lld, int *info);
void pdsyrk_(const char *uplo, const char *trans, const int *n, const int *k, const double *alpha,
             const double *a, const int *ia, const int *ja, const int *desc_a, const double *beta, double *c,
             const int *ic, const int *jc, const int *desc_c);
void pdsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia, const int *ja,
             const int *desc_a, double *w, double *z, const int *iz, const int *jz, const int *desc_z,
             double *work, const int *lwork, int *info, size_t len_jobz, size_t len_uplo);

#endif
