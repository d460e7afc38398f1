/* make_results FOLDER: the made-up study as FOLDER/ledger.sqlite and FOLDER/results.h5, for read_h5.py. */
#include "results/h5/store.h"

#include "fake_study.h"

int main(int argc, char **argv)
{
    struct sg_ledger *l = NULL;
    struct sg_err err = {0};
    char path[1024];
    if (argc != 2 || snprintf(path, sizeof path, "%s/results.h5", argv[1]) >= (int)sizeof path)
        return 2;
    sg_status status = sg_ledger_open(argv[1], SG_LEDGER_WRITE, &l, &err);
    if (status == SG_OK)
        status = fake_fill(l, &(struct fake){0}, &err);
    if (status == SG_OK)
        status = sg_store_write(l, path, NULL, &err);
    sg_ledger_close(l);
    if (status != SG_OK)
        fprintf(stderr, "%s\n", err.text);
    return status;
}
