# ScaLAPACK of this MPI: SCALAPACK_LIBRARY (a list) when it is given, MKL's where BLA_VENDOR says so, else the library by Debian's names
# (scalapack-openmpi, scalapack-mpich) or by its own. Not by pkg-config: Debian's scalapack-mpich.pc asks for whichever MPI is the default.
add_library(sg_scalapack INTERFACE)
if(NOT SCALAPACK_LIBRARY AND BLA_VENDOR MATCHES "^Intel")
  set(blacs intelmpi) # MPICH's binary interface, which Intel MPI and MVAPICH share
  if(SG_MPI_KIND STREQUAL openmpi)
    set(blacs openmpi)
  endif()
  list(GET BLAS_LIBRARIES 0 mkl_library)
  get_filename_component(mkl_folder "${mkl_library}" DIRECTORY)
  find_library(MKL_SCALAPACK_LIBRARY NAMES mkl_scalapack_lp64 libmkl_scalapack_lp64.so.2 libmkl_scalapack_lp64.so.3 HINTS ${mkl_folder} REQUIRED)
  find_library(MKL_BLACS_LIBRARY NAMES mkl_blacs_${blacs}_lp64 libmkl_blacs_${blacs}_lp64.so.2 libmkl_blacs_${blacs}_lp64.so.3 HINTS ${mkl_folder} REQUIRED)
  set(SCALAPACK_LIBRARY ${MKL_SCALAPACK_LIBRARY} ${MKL_BLACS_LIBRARY})
endif()
list(GET MPI_C_LIBRARIES 0 mpi_library) # Rocky and openSUSE keep it beside the MPI
get_filename_component(mpi_folder "${mpi_library}" DIRECTORY)
find_library(SCALAPACK_LIBRARY NAMES scalapack-${SG_MPI_KIND} scalapack scalapack-openmpi scalapack-mpich REQUIRED
             HINTS ${mpi_folder} ENV SCALAPACK_ROOT ENV EBROOTSCALAPACK PATH_SUFFIXES lib lib64)
sg_same_mpi("ScaLAPACK" "${SG_MPI_NAME}" "${SG_MPI_SONAMES}"
            "load or install the ScaLAPACK of this MPI (Debian: libscalapack-openmpi-dev, libscalapack-mpich-dev), name it with -DSCALAPACK_LIBRARY=FILE, or build with its MPI: -DMPI_C_COMPILER=mpicc of that one"
            ${SCALAPACK_LIBRARY})
message(STATUS "ScaLAPACK: ${SCALAPACK_LIBRARY}")
target_link_libraries(sg_scalapack INTERFACE ${SCALAPACK_LIBRARY})
if(SCALAPACK_LIBRARY MATCHES "\\.a$") # a static one, as EasyBuild's, brings nothing along
  target_link_libraries(sg_scalapack INTERFACE sg_blas gfortran m)
endif()
target_link_libraries(sg_scalapack INTERFACE sg_blas MPI::MPI_C)
