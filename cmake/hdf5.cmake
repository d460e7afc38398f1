# HDF5 built with MPI (Debian: libhdf5-openmpi-dev).
set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 1.10 REQUIRED COMPONENTS C)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 was found, but without MPI. hint: install libhdf5-openmpi-dev, or load the site's parallel HDF5 module")
endif()
add_library(sg_hdf5 INTERFACE)
target_include_directories(sg_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(sg_hdf5 INTERFACE ${HDF5_C_LIBRARIES})
