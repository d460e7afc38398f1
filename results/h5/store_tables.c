#include "results/h5/store_tables.h"

#define X_COLUMN(name, type, unit, flags, text)                                                              \
    {#name, SG_COL_##type, unit, text, ((flags)&SG_COL_VOLATILE) != 0, ((flags)&SG_COL_LATER) != 0},
#define Y_COLUMNS(list, dataset, older, flags, text)                                                         \
    static const struct sg_column dataset##_columns[] = {SG_##list(X_COLUMN)};
SG_TABLES(Y_COLUMNS)

#define Y_TABLE(list, dataset, older, flags, text)                                                           \
    {#dataset,                                                                                               \
     older,                                                                                                  \
     text,                                                                                                   \
     dataset##_columns,                                                                                      \
     SG_N_##list,                                                                                            \
     ((flags)&SG_H5_TABLE_PLAIN) != 0,                                                                       \
     ((flags)&SG_H5_TABLE_LATER) != 0},
const struct sg_h5_table_spec sg_store_tables[SG_N_TABLES] = {SG_TABLES(Y_TABLE)};
