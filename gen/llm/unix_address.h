/* Addresses of servers that listen on a Unix socket of this node: "unix:///run/user/1000/llm/server.sock", always an absolute path.
 *
 * A loopback port is open to every user of a node; a socket is as private as its folder, so that folder must be its user's alone. */
#ifndef SG_GEN_LLM_UNIX_ADDRESS_H
#define SG_GEN_LLM_UNIX_ADDRESS_H

#include "base/err.h"

enum { SG_UNIX_PATH_MAX = 107 }; /* bytes: unix(7), sun_path without the NUL */

/* Local. The path in it, borrowed; NULL: another kind of address. */
const char *sg_unix_address_path(const char *url);

/* Local. What is wrong with its form, as the end of a sentence "generator.base_url ..."; NULL: nothing. For addresses that have a path. */
const char *sg_unix_address_fault(const char *url);

/* Local. Whether the socket's folder is there, this user's, and closed to others (0700), and what lies at the path, if anything, a socket:
 * a server may come later. SG_INPUT with the command that mends it. */
sg_status sg_unix_address_check(const char *path, struct sg_err *err) SG_MUST_USE;

#endif
