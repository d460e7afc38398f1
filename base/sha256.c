#include "base/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts are gathered: a call of EVP_DigestUpdate takes as long as hashing a hundred bytes. */
struct sg_sha256_stream {
    EVP_MD_CTX *context;
    size_t n;
    unsigned char waiting[4096];
};

void sg_hex(const unsigned char digest[32], char hex[SG_HEX])
{
    static const char digit[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digit[digest[i] >> 4];
        hex[2 * i + 1] = digit[digest[i] & 15];
    }
    hex[SG_HEX - 1] = 0;
}

/* OpenSSL 3 looks for who implements EVP_sha256() at every use of it, which takes longer than a short text's digest. */
static const EVP_MD *sha256;
static pthread_key_t own_context;
static int has_key;

static void free_context(void *c)
{
    EVP_MD_CTX_free(c);
}

static void find_sha256(void)
{
    has_key = pthread_key_create(&own_context, free_context) == 0;
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
#endif
    if (!sha256)
        sha256 = EVP_sha256();
}

static const EVP_MD *md(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_sha256);
    return sha256;
}

/* A thread's own, kept: making one takes as long as well. NULL without memory. */
static EVP_MD_CTX *context(void)
{
    EVP_MD_CTX *c = has_key ? pthread_getspecific(own_context) : NULL;
    if (c || !has_key)
        return c;
    c = EVP_MD_CTX_new();
    if (c && pthread_setspecific(own_context, c) != 0) {
        EVP_MD_CTX_free(c);
        c = NULL;
    }
    return c;
}

void sg_sha256(const void *data, size_t n, unsigned char digest[32])
{
    const EVP_MD *type = md();
    EVP_MD_CTX *c = context();
    if (!c || !EVP_DigestInit_ex(c, type, NULL) || !EVP_DigestUpdate(c, data, n) ||
        !EVP_DigestFinal_ex(c, digest, NULL))
        EVP_Digest(data, n, digest, NULL, type, NULL);
}

void sg_sha256_hex(const void *data, size_t n, char hex[SG_HEX])
{
    unsigned char digest[32];
    sg_sha256(data, n, digest);
    sg_hex(digest, hex);
}

struct sg_sha256_stream *sg_sha256_create(void)
{
    struct sg_sha256_stream *s = malloc(sizeof *s);
    EVP_MD_CTX *c = s ? EVP_MD_CTX_new() : NULL;
    if (!c || !EVP_DigestInit_ex(c, md(), NULL)) {
        EVP_MD_CTX_free(c);
        free(s);
        return NULL;
    }
    s->context = c;
    s->n = 0;
    return s;
}

static void pass_on(struct sg_sha256_stream *s)
{
    EVP_DigestUpdate(s->context, s->waiting, s->n);
    s->n = 0;
}

void sg_sha256_add(struct sg_sha256_stream *s, const void *data, size_t n)
{
    if (n > sizeof s->waiting - s->n)
        pass_on(s);
    if (n > sizeof s->waiting) {
        EVP_DigestUpdate(s->context, data, n);
    } else if (n) {
        memcpy(s->waiting + s->n, data, n);
        s->n += n;
    }
}

void sg_sha256_add_text(struct sg_sha256_stream *s, const char *text)
{
    sg_sha256_add(s, text ? text : "\1", text ? strlen(text) + 1 : 1);
}

void sg_sha256_finish_hex(struct sg_sha256_stream *s, char hex[SG_HEX])
{
    unsigned char digest[32];
    pass_on(s);
    EVP_DigestFinal_ex(s->context, digest, NULL);
    EVP_MD_CTX_free(s->context);
    free(s);
    sg_hex(digest, hex);
}

sg_status sg_sha256_file(const char *path, char hex[SG_HEX], struct sg_err *err)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return sg_fail(err, SG_INPUT, "%s: %s", path, strerror(errno));
    struct sg_sha256_stream *s = sg_sha256_create();
    if (!s) {
        fclose(f);
        return sg_fail_memory(err, 1024);
    }
    char block[65536];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        sg_sha256_add(s, block, n);
    int bad = ferror(f);
    fclose(f);
    sg_sha256_finish_hex(s, hex);
    return bad ? sg_fail(err, SG_FAILED, "%s: cannot be read to its end", path) : SG_OK;
}

void sg_example_digest_add(struct sg_sha256_stream *s, int64_t label, const char *first, const char *second)
{
    sg_sha256_add(s, &label, sizeof label);
    sg_sha256_add_text(s, first);
    sg_sha256_add_text(s, second);
}
