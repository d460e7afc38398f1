#include "cli/usages.h"

/* One process, one thread: what sg_usage_of is asking for. */
static struct {
    const struct sg_command *command;
    sg_usage_visit *visit;
    void *context;
} asking;

void sg_usage_of(const struct sg_command *command, sg_usage_visit *visit, void *context)
{
    char *none[] = {0};
    asking.command = command;
    asking.visit = visit;
    asking.context = context;
    command->run(0, none);
    asking.visit = NULL;
}

int sg_usage_shown(const struct sg_usage *usage)
{
    if (!asking.visit)
        return 0;
    asking.visit(asking.command, usage, asking.context);
    return 1;
}
