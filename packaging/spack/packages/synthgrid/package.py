"""Spack's recipe: spack repo add packaging/spack && spack install synthgrid. Of a checkout: spack dev-build synthgrid@main."""
# Spack 1.0 and later have the build systems in a repository of their own; before, all was in spack.package.
try:
    from spack_repo.builtin.build_systems.cmake import CMakePackage
except ImportError:
    pass
from spack.package import *


class Synthgrid(CMakePackage):
    """Studies of one question: when does data written by a language model help to train a text classifier? One YAML file describes a grid
    of tasks, methods, sizes and seeds; the data is bought once, and every cell is trained over MPI."""

    homepage = "https://example.org/synthgrid"
    # A checkout: set it to where yours is, or use `spack dev-build`.
    git = "file:///path/to/synthgrid"

    license("Apache-2.0")
    version("main", branch="main")

    variant("tests", default=False, description="Build the tests")

    depends_on("c", type="build")
    depends_on("cmake@3.22:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("python@3.9:", type=("build", "test", "run"))
    depends_on("mpi")
    depends_on("blas")
    depends_on("scalapack")
    # Compiled against 1.10.8 and 1.14.5.
    depends_on("hdf5@1.10:+mpi")
    depends_on("curl@7.84:")
    depends_on("libyaml")
    depends_on("jansson@2.10:")
    depends_on("sqlite@3.35:")
    depends_on("utf8proc")
    depends_on("openssl@1.1.1:")
    depends_on("zlib-api")
    depends_on("cmocka", when="+tests")
    depends_on("gnuplot", type="run")

    def cmake_args(self):
        spec = self.spec
        args = [
            self.define("SG_WERROR", False),
            self.define_from_variant("BUILD_TESTING", "tests"),
            self.define("MPI_C_COMPILER", spec["mpi"].mpicc),
            self.define("HDF5_ROOT", spec["hdf5"].prefix),
            self.define("SCALAPACK_LIBRARY", spec["scalapack"].libs.joined(";")),
        ]
        blas = spec["blas"].name
        vendors = {"blis": "FLAME", "amdblis": "FLAME", "flexiblas": "FlexiBLAS", "intel-oneapi-mkl": "Intel10_64lp_seq"}
        if blas in vendors:
            args.append(self.define("BLA_VENDOR", vendors[blas]))
        return args
