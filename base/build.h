/* Which program this is, down to its machine code: what may have changed a number, or may differ between two nodes. */
#ifndef SG_BASE_BUILD_H
#define SG_BASE_BUILD_H

/* The linker's build id of the running program, hexadecimal (a digest of all that was linked; stripping leaves it as it is);
 * without one the SHA-256 of its file, and "unknown" where that cannot be read. Static; the first call is not thread-safe. */
const char *sg_build_id(void);

/* "synthgrid 0.1.0 (a1b2c3d, build 0123456789ab)": version, commit, the build id's beginning. Static, likewise. */
const char *sg_build_name(void);

#endif
