# Which MPI this is, and that no library brings another one into the program: two of them in one process crash at the first call that
# reaches the wrong one, hours into a study.

# sg_mpi_sonames(FILE OUT): the MPI libraries that a program or library asks the loader for (DT_NEEDED), as "libmpi.so.40"; of a static
# library made with Open MPI that name, since its symbols say so. Read from the strings of the file: no binutils are needed.
function(sg_mpi_sonames file out)
  file(REAL_PATH ${file} file)
  file(STRINGS ${file} found REGEX "^(libmpi|libmpich|libmpi_abi|libmpi_ilp64|libmpi_mt)\\.so\\.[0-9]+$")
  if(NOT found)
    file(STRINGS ${file} symbols REGEX "^ompi_mpi_comm_world$" LIMIT_COUNT 1)
    if(symbols)
      set(found libmpi.so.40)
    endif()
  endif()
  list(REMOVE_DUPLICATES found)
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# sg_same_mpi(NAME MPI SONAMES HINT FILES...): refuses a library NAME among whose files one asks for an MPI that is not in SONAMES, those of
# the MPI that is called MPI.
function(sg_same_mpi name mpi sonames hint)
  foreach(file ${ARGN})
    if(NOT EXISTS ${file} OR IS_DIRECTORY ${file})
      continue() # -lm and the like
    endif()
    sg_mpi_sonames(${file} asked)
    foreach(soname ${asked})
      if(sonames AND NOT soname IN_LIST sonames)
        string(REPLACE ";" ", " ours "${sonames}")
        message(FATAL_ERROR "${name} was built with another MPI: ${file} needs ${soname}, but this build uses ${mpi} (${ours}).\nhint: ${hint}")
      endif()
    endforeach()
  endforeach()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  return()
endif()

find_package(MPI REQUIRED COMPONENTS C)
# The name that its header gives it, and what a program that is linked with it asks for.
file(WRITE ${CMAKE_BINARY_DIR}/mpi/which.c "
#include <mpi.h>
#if defined(OMPI_MAJOR_VERSION)
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
const char which[] = \"sg_mpi=openmpi Open MPI \" TEXT(OMPI_MAJOR_VERSION) \".\" TEXT(OMPI_MINOR_VERSION) \".\" TEXT(OMPI_RELEASE_VERSION);
#elif defined(I_MPI_VERSION)
const char which[] = \"sg_mpi=intel Intel MPI \" I_MPI_VERSION;
#elif defined(MVAPICH_VERSION)
const char which[] = \"sg_mpi=mvapich MVAPICH \" MVAPICH_VERSION;
#elif defined(MPICH_VERSION)
const char which[] = \"sg_mpi=mpich MPICH \" MPICH_VERSION;
#else
const char which[] = \"sg_mpi=other an MPI that names itself nowhere\";
#endif
int main(int argc, char **argv) { return MPI_Init(&argc, &argv) + which[argc]; }
")
try_compile(SG_MPI_COMPILES ${CMAKE_BINARY_DIR}/mpi ${CMAKE_BINARY_DIR}/mpi/which.c LINK_LIBRARIES MPI::MPI_C
            COPY_FILE ${CMAKE_BINARY_DIR}/mpi/which OUTPUT_VARIABLE output)
if(NOT SG_MPI_COMPILES)
  message(FATAL_ERROR "a program with MPI_Init cannot be built with ${MPI_C_COMPILER}:\n${output}")
endif()
file(STRINGS ${CMAKE_BINARY_DIR}/mpi/which which REGEX "^sg_mpi=" LIMIT_COUNT 1)
string(REGEX REPLACE "^sg_mpi=([a-z]*) (.*)$" "\\1" SG_MPI_KIND "${which}")
string(REGEX REPLACE "^sg_mpi=([a-z]*) (.*)$" "\\2" SG_MPI_NAME "${which}")
sg_mpi_sonames(${CMAKE_BINARY_DIR}/mpi/which SG_MPI_SONAMES)
message(STATUS "MPI: ${SG_MPI_NAME} (${SG_MPI_SONAMES})")
