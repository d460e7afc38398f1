#include "base/mem.h"
#include "results/h5/h5_table.h"

hid_t sg_h5_text_type(void)
{
    hid_t t = H5Tcopy(H5T_C_S1);
    if (t >= 0 && (H5Tset_size(t, H5T_VARIABLE) < 0 || H5Tset_cset(t, H5T_CSET_UTF8) < 0)) {
        H5Tclose(t);
        t = -1;
    }
    return t;
}

static sg_status set_attribute(hid_t object, const char *name, hid_t type, hid_t memory_type,
                               const void *value, const char *path, struct sg_err *err)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    int bad = a < 0 || H5Awrite(a, memory_type, value) < 0;
    sg_status status = bad ? sg_h5_fail(err, SG_FAILED, path, name) : SG_OK;
    if (a >= 0 && H5Aclose(a) < 0 && status == SG_OK)
        status = sg_h5_fail(err, SG_FAILED, path, name);
    H5Sclose(space);
    return status;
}

sg_status sg_h5_set_text(hid_t object, const char *name, const char *text, const char *path,
                         struct sg_err *err)
{
    hid_t type = sg_h5_text_type();
    sg_status status = set_attribute(object, name, type, type, &text, path, err);
    H5Tclose(type);
    return status;
}

sg_status sg_h5_set_int(hid_t object, const char *name, int64_t value, const char *path, struct sg_err *err)
{
    return set_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value, path, err);
}

sg_status sg_h5_get_text(hid_t object, const char *name, char **text, const char *path, struct sg_err *err)
{
    hid_t a = H5Aopen(object, name, H5P_DEFAULT), type = a < 0 ? -1 : H5Aget_type(a),
          space = a < 0 ? -1 : H5Aget_space(a);
    hid_t memory_type = sg_h5_text_type();
    char *raw = NULL, *copy = NULL;
    sg_status status = SG_OK;
    if (type < 0 || H5Tis_variable_str(type) <= 0 || H5Sget_simple_extent_npoints(space) != 1 ||
        H5Aread(a, memory_type, &raw) < 0)
        status = sg_fail(err, SG_INPUT, "%s: the attribute `%s` is missing or damaged", path, name);
    else {
        copy = sg_strdup(raw ? raw : "");
        status = copy ? SG_OK : sg_fail_memory(err, 1);
        H5Dvlen_reclaim(memory_type, space, H5P_DEFAULT, &raw);
    }
    H5Tclose(memory_type);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (a >= 0)
        H5Aclose(a);
    if (status == SG_OK)
        *text = copy;
    return status;
}

sg_status sg_h5_get_int(hid_t object, const char *name, int64_t *value, const char *path, struct sg_err *err)
{
    hid_t a = H5Aopen(object, name, H5P_DEFAULT), space = a < 0 ? -1 : H5Aget_space(a);
    int64_t x = 0;
    int ok = a >= 0 && H5Sget_simple_extent_npoints(space) == 1 && H5Aread(a, H5T_NATIVE_INT64, &x) >= 0;
    if (space >= 0)
        H5Sclose(space);
    if (a >= 0)
        H5Aclose(a);
    if (!ok)
        return sg_fail(err, SG_INPUT, "%s: the attribute `%s` is missing or damaged", path, name);
    *value = x;
    return SG_OK;
}
