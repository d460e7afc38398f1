/* What this program is made of: for --version and for the provenance in results.h5. */
#ifndef SG_CLI_VERSION_H
#define SG_CLI_VERSION_H

#include "base/buf.h"

/* Adds "synthgrid 0.1.0 (<commit>; GNU 12.2.0, Release)" and one line "name version" for each library, as
 * loaded at run time. Works before MPI has started. */
void sg_version_text(struct sg_buf *b);

#endif
