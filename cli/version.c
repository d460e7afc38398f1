#include "cli/version.h"

#include "generated/version.h"

#include "gen/llm/llama.h"
#include "mpi/blas.h"

#include <curl/curl.h>
#include <hdf5.h>
#include <jansson.h>
#include <mpi.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <string.h>
#include <utf8proc.h>
#include <yaml.h>
#include <zlib.h>

void sg_version_text(struct sg_buf *b)
{
    sg_buf_printf(b, "synthgrid %s (%s; %s, %s)\n", SG_VERSION, SG_GIT, SG_COMPILER, SG_BUILD_TYPE);

    char mpi[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int n = 0;
    if (MPI_Get_library_version(mpi, &n) == MPI_SUCCESS) {
        mpi[strcspn(mpi, ",\n")] = 0; /* Open MPI adds who packaged it and when */
        sg_buf_printf(b, "MPI %s\n", mpi);
    }
    sg_blas_version(b);
    unsigned major = 0, minor = 0, release = 0;
    if (H5get_libversion(&major, &minor, &release) >= 0)
        sg_buf_printf(b, "HDF5 %u.%u.%u\n", major, minor, release);
    sg_buf_printf(b, "SQLite %s\n", sqlite3_libversion());
    sg_buf_printf(b, "%s\n", curl_version());
    if (sg_llama_version())
        sg_buf_printf(b, "%s\n", sg_llama_version());
    sg_buf_printf(b, "libyaml %s\n", yaml_get_version_string());
    sg_buf_printf(b, "jansson %s\n", jansson_version_str());
    sg_buf_printf(b, "utf8proc %s\n", utf8proc_version());
    sg_buf_printf(b, "%s\n", OpenSSL_version(OPENSSL_VERSION));
    sg_buf_printf(b, "zlib %s\n", zlibVersion());
}
