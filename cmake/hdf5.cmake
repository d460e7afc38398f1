# HDF5 1.10 or later. With MPI-IO all ranks write embeddings.h5 at once; a serial one will do, through rank 0. Of several the one for this
# MPI, as Debian names them (hdf5-openmpi, hdf5-mpich), else what FindHDF5 finds: HDF5_ROOT, h5pcc, h5cc, HDF5's own CMake files.
add_library(sg_hdf5 INTERFACE)
if(NOT DEFINED HDF5_PREFER_PARALLEL)
  set(HDF5_PREFER_PARALLEL ON)
endif()
if(HDF5_PREFER_PARALLEL AND NOT HDF5_ROOT AND NOT DEFINED ENV{HDF5_ROOT} AND NOT HDF5_C_COMPILER_EXECUTABLE)
  find_program(HDF5_C_COMPILER_EXECUTABLE h5pcc.${SG_MPI_KIND})
endif()
find_package(HDF5 1.10 REQUIRED COMPONENTS C)
sg_same_mpi("HDF5" "${SG_MPI_NAME}" "${SG_MPI_SONAMES}"
            "load or install the HDF5 of this MPI (Debian: libhdf5-openmpi-dev, libhdf5-mpich-dev), or take a serial one: -DHDF5_PREFER_PARALLEL=OFF (Debian: libhdf5-dev)"
            ${HDF5_C_LIBRARIES})
if(HDF5_IS_PARALLEL)
  message(STATUS "HDF5 ${HDF5_VERSION} with MPI-IO")
else()
  message(STATUS "HDF5 ${HDF5_VERSION} without MPI-IO: rank 0 writes embeddings.h5 for all")
endif()
target_include_directories(sg_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(sg_hdf5 INTERFACE ${HDF5_C_LIBRARIES})
