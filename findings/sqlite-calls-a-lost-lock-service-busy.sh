#!/usr/bin/env bash
# SQLite 3.51.1 (as pysqlite3-binary 0.5.4.post2 has it): where a file system's lock service does not answer (fcntl fails with ENOLCK, as on NFS
# without lockd or statd), a first write ends with "database is locked" (SQLITE_BUSY), the words for a file that somebody else writes.
# Nobody has it open. Where locks do not exist at all (ENOSYS) it is "disk I/O error". Waiting or looking for the other program is in vain.
#
# For synthgrid: ledger.c asks for a lock itself before it believes SQLITE_BUSY, and goes on under the folder's lease.
#
# Seen:  ENOLCK  database is locked SQLITE_BUSY
#        ENOSYS  disk I/O error SQLITE_IOERR
#        none    written
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pysqlite3-binary==0.5.4.post2
# libc's fcntl, but for locks, which fail as $LOCKS says.
cat >"$folder/locks.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
static int call(const char *name, int fd, int command, void *argument)
{
    const char *locks = getenv("LOCKS");
    int (*real)(int, int, ...);
    if (locks && (command == F_SETLK || command == F_GETLK)) {
        errno = atoi(locks);
        return -1;
    }
    *(void **)&real = dlsym(RTLD_NEXT, name);
    return real(fd, command, argument);
}
#define WRAP(name) int name(int fd, int command, ...) { va_list a; va_start(a, command); void *p = va_arg(a, void *); va_end(a); return call(#name, fd, command, p); }
WRAP(fcntl)
WRAP(fcntl64)
C
cc -shared -fPIC -o "$folder/locks.so" "$folder/locks.c" -ldl
cat >"$folder/write.py" <<'PYTHON'
import sys
import pysqlite3

database = pysqlite3.connect(sys.argv[1], timeout=0)
try:
    database.execute("CREATE TABLE t(x)")
    database.commit()
    print("written")
except pysqlite3.OperationalError as error:
    print(error, error.sqlite_errorname)
PYTHON
python="$folder/venv/bin/python"
{
    echo "version $("$python" -c 'import pysqlite3; print(pysqlite3.sqlite_version)')"
    for name in ENOLCK ENOSYS; do
        number=$("$python" -c "import errno; print(errno.$name)")
        echo "$name $(LOCKS=$number LD_PRELOAD="$folder/locks.so" "$python" "$folder/write.py" "$folder/$name.sqlite")"
    done
    echo "none $("$python" "$folder/write.py" "$folder/none.sqlite")"
} | tee "$folder/seen"
diff "$folder/seen" - <<'EXPECTED' && echo "as found"
version 3.51.1
ENOLCK database is locked SQLITE_BUSY
ENOSYS disk I/O error SQLITE_IOERR
none written
EXPECTED
