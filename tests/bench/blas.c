#include "blas.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* CBLAS's numbers (its header may be another library's). */
enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };
typedef void cblas_fn(int order, int turn_a, int turn_b, int M, int N, int K, float alpha, const float *a,
                      int ld_a, const float *b, int ld_b, float beta, float *c, int ld_c);
typedef int dnnl_fn(char turn_a, char turn_b, int64_t M, int64_t N, int64_t K, float alpha, const float *a,
                    int64_t ld_a, const float *b, int64_t ld_b, float beta, float *c, int64_t ld_c);

static cblas_fn *openblas_sgemm, *blis_sgemm;
static dnnl_fn *dnnl_sgemm;

static int call_cblas(cblas_fn *f, int turn_a, int turn_b, int M, int N, int K, const float *a,
                      const float *b, float *c)
{
    f(ROW_MAJOR, turn_a ? TRANS : NO_TRANS, turn_b ? TRANS : NO_TRANS, M, N, K, 1.0f, a, turn_a ? M : K, b,
      turn_b ? K : N, 0.0f, c, N);
    return 1;
}

static int by_openblas(int turn_a, int turn_b, int M, int N, int K, const float *a, const float *b, float *c)
{
    return call_cblas(openblas_sgemm, turn_a, turn_b, M, N, K, a, b, c);
}

static int by_blis(int turn_a, int turn_b, int M, int N, int K, const float *a, const float *b, float *c)
{
    return call_cblas(blis_sgemm, turn_a, turn_b, M, N, K, a, b, c);
}

static int by_dnnl(int turn_a, int turn_b, int M, int N, int K, const float *a, const float *b, float *c)
{
    return dnnl_sgemm(turn_a ? 'T' : 'N', turn_b ? 'T' : 'N', M, N, K, 1.0f, a, turn_a ? M : K, b,
                      turn_b ? K : N, 0.0f, c, N) == 0;
}

/* A function's address as dlsym gives it: ISO C has no conversion from an object's. */
static int find(void *library, const char *symbol, void *function)
{
    void *address = library ? dlsym(library, symbol) : NULL;
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

static void *open_first(const char *const *name)
{
    void *library = NULL;
    for (; *name && !library; name++)
        library = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
    return library;
}

static void one_thread(void *library, const char *symbol)
{
    void (*set)(int);
    if (find(library, symbol, &set))
        set(1);
}

/* oneDNN, and builds of the others with OpenMP, ask the runtime that they were linked with. The variable is read when
 * one is loaded; those that are already there are told. */
static void one_openmp_thread(void)
{
    static const char *const gnu[] = {"libgomp.so.1", NULL}, *const llvm[] = {"libomp.so.5", "libomp.so",
                                                                              NULL};
    setenv("OMP_NUM_THREADS", "1", 1);
    one_thread(open_first(gnu), "omp_set_num_threads");
    one_thread(open_first(llvm), "omp_set_num_threads");
}

int sg_bench_blas_open(struct sg_bench_blas found[SG_BENCH_MAX_BLAS])
{
    static const char *const openblas[] = {"libopenblas.so.0", "libopenblas.so", "libcblas.so.3", NULL},
                             *const blis[] = {"libblis.so.4", "libblis.so", NULL},
                             *const dnnl[] = {"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so", NULL},
                             *const xsmm[] = {SG_BENCH_XSMM, NULL};
    int n = 0;
    one_openmp_thread();
    void *library = open_first(openblas);
    one_thread(library, "openblas_set_num_threads");
    if (find(library, "cblas_sgemm", &openblas_sgemm))
        found[n++] = (struct sg_bench_blas){"OpenBLAS", by_openblas};
    library = open_first(blis);
    if (find(library, "cblas_sgemm", &blis_sgemm)) {
        void (*set)(int64_t); /* BLIS's dim_t */
        if (find(library, "bli_thread_set_num_threads", &set))
            set(1);
        found[n++] = (struct sg_bench_blas){"BLIS", by_blis};
    }
    if (find(open_first(dnnl), "dnnl_sgemm", &dnnl_sgemm))
        found[n++] = (struct sg_bench_blas){"oneDNN", by_dnnl};
    sg_bench_gemm *by_xsmm;
    if (SG_BENCH_XSMM[0] && find(open_first(xsmm), "sg_bench_xsmm", &by_xsmm))
        found[n++] = (struct sg_bench_blas){"libxsmm", by_xsmm};
    return n;
}
