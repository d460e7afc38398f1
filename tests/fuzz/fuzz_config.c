/* Fuzzes config.json: what is accepted is within bounds, and comes back the same when it is written for a
 * classifier.
 *
 *     build-fuzz/tests/fuzz/fuzz_config -max_total_time=60 tests/fuzz/corpus/config */
#include "base/mem.h"
#include "model/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char dir[] = "/tmp/sg_fuzz_XXXXXX";

static void write_and_read(const struct sg_config *c)
{
    struct sg_config back;
    struct sg_err err = {0};
    if (sg_config_write(c, NULL, 2, dir, &err) != SG_OK || sg_config_load(dir, &back, &err) != SG_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    if (back.V != c->V || back.C != c->C || back.L != c->L || back.H != c->H || back.F != c->F ||
        back.family != c->family || back.max_length != c->max_length || back.activation != c->activation)
        abort();
    struct sg_outputs o;
    if (sg_config_outputs(&back, "config.json", &o, &err) != SG_OK || o.n_classes != 2 ||
        o.problem != SG_SINGLE_LABEL)
        abort();
    sg_outputs_free(&o);
    sg_config_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int ready;
    if (!ready && !mkdtemp(dir))
        abort();
    ready = 1;
    struct sg_config c;
    struct sg_err err = {0};
    size_t before = sg_mem_now();
    sg_status status = sg_config_parse((const char *)data, n, "config.json", &c, &err);
    if (status == SG_OK) {
        if (c.H < 1 || c.C % c.H != 0 || c.max_length < 5 || c.pad_id < 0 || c.pad_id >= c.V || !(c.eps > 0))
            abort();
        write_and_read(&c);
        struct sg_outputs o;
        status = sg_config_outputs(&c, "config.json", &o, &err);
        if (status == SG_OK)
            sg_outputs_free(&o);
        else if (status != SG_INPUT || !err.text[0])
            abort();
        sg_config_free(&c);
    } else if (status != SG_INPUT || !err.text[0]) {
        abort();
    }
    if (sg_mem_now() != before)
        abort();
    return 0;
}
