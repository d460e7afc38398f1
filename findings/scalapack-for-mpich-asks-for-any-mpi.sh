#!/usr/bin/env bash
# Debian 12, libscalapack-mpich-dev 2.2.1-2+b1: its pkg-config file says `Requires: mpi`, not `mpich`. `mpi.pc` belongs to no package: it is the
# alternative that MPICH 4.0.2 and Open MPI 4.1.4 both offer, and Open MPI's has the higher priority. So where both are installed,
# `pkg-config --libs scalapack-mpich` names ScaLAPACK for MPICH and the library of Open MPI. That links, with two MPIs in one program.
#
# For synthgrid: cmake/scalapack.cmake looks for ScaLAPACK by the MPI that it builds with, and refuses one of another MPI with both names.
#
# Seen:  scalapack-mpich.pc   Requires: mpi lapack blas
#        mpich                offers mpi.pc with priority 40
#        openmpi              offers mpi.pc with priority 50
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download --quiet=2 libscalapack-mpich-dev=2.2.1-2+b1 libmpich-dev=4.0.2-3+b1 libopenmpi-dev=4.1.4-3+b1 2>/dev/null
offers() { # MPI: the priority of the link group that mpi.pc is a slave of
    dpkg-deb --ctrl-tarfile "lib$1-dev_"*.deb | tar --extract --to-stdout ./postinst >"$1.postinst"
    grep --quiet 'mpi\.pc' "$1.postinst"
    sed -n "s|.*--install /usr/include/[^ ]*/mpi mpi-[^ ]* [^ ]* \([0-9]*\).*|$1 offers mpi.pc with priority \1|p" "$1.postinst"
}
{
    dpkg-deb --fsys-tarfile libscalapack-mpich-dev_*.deb | tar --extract --to-stdout --wildcards '*/scalapack-mpich.pc' | grep '^Requires'
    offers mpich
    offers openmpi
} | tee seen
diff seen - <<'EXPECTED' && echo "as found"
Requires: mpi lapack blas
mpich offers mpi.pc with priority 40
openmpi offers mpi.pc with priority 50
EXPECTED
