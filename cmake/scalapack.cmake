# ScaLAPACK: its CMake config, else pkg-config, else the plain name.
add_library(sg_scalapack INTERFACE)
pkg_search_module(SCALAPACK IMPORTED_TARGET scalapack-openmpi scalapack-mpich scalapack)
if(SCALAPACK_FOUND)
  target_link_libraries(sg_scalapack INTERFACE PkgConfig::SCALAPACK)
else()
  find_library(SCALAPACK_LIBRARY NAMES scalapack scalapack-openmpi REQUIRED)
  target_link_libraries(sg_scalapack INTERFACE ${SCALAPACK_LIBRARY})
endif()
