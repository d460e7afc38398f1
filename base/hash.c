#include "base/hash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

sg_status sg_hash_draw(struct sg_hash_key *key, struct sg_err *err)
{
    if (getentropy(key, sizeof *key) != 0)
        return sg_fail(err, SG_FAILED,
                       "no random bits for a hash table: %s; hint: the system lacks getrandom",
                       strerror(errno));
    key->point >>= 3; /* below 2^61 */
    return SG_OK;
}
