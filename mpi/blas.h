/* The BLAS that is linked: asked by the names that only it has, so that any CBLAS will do. Every call of it is single-threaded: a rank's
 * cores are busy with lanes, and a number must not depend on how many there are. */
#ifndef SG_MPI_BLAS_H
#define SG_MPI_BLAS_H

#include "base/buf.h"

/* Local. First of all in main: OpenBLAS takes CPUs that came after it for one of 2004 (0.3.21, Debian 12's, does Intel's of 2023) and multiplies at a fifth
 * of their speed. It looks when it is loaded, so the program starts itself once more with OPENBLAS_CORETYPE, unless that is set. No result
 * depends on it: what BLAS finds is rounded (results/stats/diversity.h, results/measures/measures.h), and models are trained with our own
 * kernels. */
void sg_blas_recognise_cpu(char **argv);

/* Local. One thread for every call from here on: of OpenBLAS, BLIS, MKL and FlexiBLAS by their own functions; another library has the
 * threads that OpenMP gives it, which sg_mpi_start sets to 1 as well. */
void sg_blas_use_one_thread(void);

/* Local. A line for --version: the library and its version, "of the system" where it is none of these. */
void sg_blas_version(struct sg_buf *b);

#endif
