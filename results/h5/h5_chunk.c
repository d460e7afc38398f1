#include "results/h5/h5_chunk.h"

#include "base/mem.h"

#include <string.h>
#include <zlib.h>

enum {
    LEVEL = 1,
    SAMPLE = 2048,           /* bytes of a plane that are looked at */
    PERIOD = 256,            /* after which the low byte of a counter is what it was */
    CHECKSUM = 4,            /* bytes of Fletcher-32, behind the rest */
    SKIP_DEFLATE = 1U << 1U, /* the second filter was left out */
};

struct sg_h5_chunk {
    size_t row_bytes, n_rows;
    int deflates;
    unsigned char *shuffled, *out; /* (n_rows * row_bytes + CHECKSUM) each */
    z_stream z;
    unsigned char *filtered; /* one of both */
    size_t n_filtered;
    uint32_t skipped; /* filters */
};

/* How a plane is deflated. */
struct way {
    int level, strategy;
};

int sg_h5_chunk_suits(hid_t in_file, hid_t in_memory)
{
#if H5_VERSION_GE(1, 10, 3)
    return H5Tequal(in_file, in_memory) > 0;
#else
    (void)in_file, (void)in_memory;
    return 0;
#endif
}

struct sg_h5_chunk *sg_h5_chunk_create(size_t row_bytes, int64_t n_rows, int deflates)
{
    struct sg_h5_chunk *c = sg_alloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->row_bytes = row_bytes;
    c->n_rows = (size_t)n_rows;
    size_t n = c->row_bytes * c->n_rows + CHECKSUM;
    c->shuffled = sg_alloc(n, 1);
    c->out = deflates ? sg_alloc(n, 1) : NULL;
    int bad = !c->shuffled || (deflates && !c->out);
    c->deflates = !bad && deflates && deflateInit(&c->z, LEVEL) == Z_OK;
    if (bad || c->deflates != deflates) {
        sg_h5_chunk_destroy(c);
        return NULL;
    }
    return c;
}

void sg_h5_chunk_destroy(struct sg_h5_chunk *c)
{
    if (!c)
        return;
    if (c->deflates)
        deflateEnd(&c->z);
    sg_free(c->shuffled);
    sg_free(c->out);
    sg_free(c);
}

/* Byte b of all rows, for each b. Some rows at a time, so that they are read from the nearest cache. */
static void shuffle(struct sg_h5_chunk *c, const unsigned char *rows, size_t n)
{
    enum { ROWS = 128 };
    for (size_t from = 0; from < n; from += ROWS) {
        size_t to = from + ROWS < n ? from + ROWS : n;
        for (size_t b = 0; b < c->row_bytes; b++) {
            unsigned char *plane = c->shuffled + b * c->n_rows;
            for (size_t i = from; i < to; i++)
                plane[i] = rows[i * c->row_bytes + b];
        }
    }
    for (size_t b = 0; b < c->row_bytes; b++)
        memset(c->shuffled + b * c->n_rows + n, 0, c->n_rows - n);
}

/* Noise is stored; what repeats at a distance is searched for it; the rest has runs and frequent bytes. A change costs a table of codes, so runs,
 * which either way finds, are deflated as what was before them. */
static struct way way_of(const unsigned char *plane, size_t n_rows, struct way before)
{
    size_t n = n_rows < SAMPLE ? n_rows : SAMPLE, n_same = 0, n_again = 0, pairs = 0, count[256] = {0};
    for (size_t i = 0; i < n; i++) {
        n_same += i >= 1 && plane[i] == plane[i - 1];
        n_again += i >= PERIOD && plane[i] == plane[i - PERIOD];
        count[plane[i]]++;
    }
    for (int v = 0; v < 256; v++)
        pairs += count[v] * (count[v] - (count[v] > 0));
    if (n_same * 8 > n * 7)
        return (struct way){LEVEL, before.strategy};
    if (n_again * 2 > n)
        return (struct way){LEVEL, Z_DEFAULT_STRATEGY};
    /* Of bytes that are all as likely a 256th of the pairs is of equals; half more than that are 7.4 bits a byte. */
    if (pairs * 256 < n * n + n * n / 2)
        return (struct way){0, Z_DEFAULT_STRATEGY};
    return (struct way){LEVEL, Z_RLE};
}

/* Bytes in c->out; 0 where they would be no fewer. */
static size_t deflate_planes(struct sg_h5_chunk *c)
{
    size_t n_bytes = c->row_bytes * c->n_rows;
    z_stream *z = &c->z;
    if (deflateReset(z) != Z_OK)
        return 0;
    z->next_out = c->out;
    z->avail_out = (uInt)n_bytes;
    struct way way = {LEVEL, Z_DEFAULT_STRATEGY};
    for (size_t b = 0; b < c->row_bytes; b++) {
        unsigned char *plane = c->shuffled + b * c->n_rows;
        way = way_of(plane, c->n_rows, way);
        z->avail_in = 0;
        if (deflateParams(z, way.level, way.strategy) != Z_OK)
            return 0;
        z->next_in = plane;
        z->avail_in = (uInt)c->n_rows;
        if (deflate(z, Z_NO_FLUSH) != Z_OK || z->avail_in)
            return 0;
    }
    return deflate(z, Z_FINISH) == Z_STREAM_END ? n_bytes - z->avail_out : 0;
}

/* Fletcher-32 of big-endian words, a last odd byte as the upper half of one; sums modulo 2^16 - 1 (J. G. Fletcher 1982), which are folded
 * before they can overflow, and never 0 unless all was. HDF5's is stored little-endian, the second sum in the upper half. */
static void add_checksum(unsigned char *bytes, size_t n)
{
    uint32_t a = 0, b = 0;
    for (size_t i = 0; i < n;) {
        size_t end = n - i > 720 ? i + 720 : n;
        for (; i + 1 < end; i += 2) {
            a += (uint32_t)bytes[i] << 8U | bytes[i + 1];
            b += a;
        }
        if (i < end) {
            a += (uint32_t)bytes[i++] << 8U;
            b += a;
        }
        a = (a & 0xffffU) + (a >> 16U);
        b = (b & 0xffffU) + (b >> 16U);
    }
    a = (a & 0xffffU) + (a >> 16U);
    b = (b & 0xffffU) + (b >> 16U);
    for (unsigned i = 0; i < CHECKSUM; i++)
        bytes[n + i] = (unsigned char)((b << 16U | a) >> 8U * i);
}

void sg_h5_chunk_filter(struct sg_h5_chunk *c, const void *rows, int64_t n)
{
    shuffle(c, rows, (size_t)n);
    size_t n_out = c->deflates ? deflate_planes(c) : 0;
    c->filtered = n_out ? c->out : c->shuffled;
    c->skipped = c->deflates && !n_out ? SKIP_DEFLATE : 0;
    c->n_filtered = n_out ? n_out : c->row_bytes * c->n_rows;
    add_checksum(c->filtered, c->n_filtered);
    c->n_filtered += CHECKSUM;
}

herr_t sg_h5_chunk_write(struct sg_h5_chunk *c, hid_t dataset, hsize_t from)
{
#if H5_VERSION_GE(1, 10, 3)
    return H5Dwrite_chunk(dataset, H5P_DEFAULT, c->skipped, &from, c->n_filtered, c->filtered);
#else
    (void)c, (void)dataset, (void)from;
    return -1;
#endif
}
