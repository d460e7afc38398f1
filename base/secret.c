#include "base/secret.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* A known key shorter than this is no secret but a stand-in for a server without keys ("EMPTY", "none"):
 * wiping it would wipe words of the data. */
enum { MAX_SECRETS = 64, MIN_SECRET = 8 };

#if defined(__SANITIZE_ADDRESS__)
#define SG_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SG_UNDER_ASAN 1
#endif
#endif

static struct {
    pthread_mutex_t lock;
    int n;
    struct {
        char *variable, *key;
    } item[MAX_SECRETS];
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A memset that the compiler may not drop. */
static void wipe(char *s)
{
    for (volatile char *p = s; *p; p++)
        *p = 0;
}

void sg_secret_harden(void)
{
#if defined(__linux__) && !defined(SG_UNDER_ASAN) /* LeakSanitizer attaches to the process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

static sg_status check(const char *what, const char *key, struct sg_err *err)
{
    if (!key[0])
        return sg_fail(err, SG_INPUT,
                       "%s is empty; hint: export it with the key, or unset it for a server that needs none",
                       what);
    for (const char *p = key; *p; p++)
        if (!isgraph((unsigned char)*p))
            return sg_fail(err, SG_INPUT,
                           "%s holds a blank, newline or other character that no key has; hint: set it again",
                           what);
    return SG_OK;
}

static sg_status remember(const char *variable, const char *key, const char **kept, struct sg_err *err)
{
    for (int i = 0; i < known.n; i++)
        if (strcmp(known.item[i].variable, variable) == 0 && strcmp(known.item[i].key, key) == 0) {
            *kept = known.item[i].key;
            return SG_OK;
        }
    if (known.n == MAX_SECRETS)
        return sg_fail(err, SG_INPUT, "more than %d API keys in one run", MAX_SECRETS);
    char *name = sg_strdup(variable), *copy = sg_strdup(key);
    if (!name || !copy) {
        sg_free(name);
        sg_free(copy);
        return sg_fail_memory(err, strlen(key));
    }
    known.item[known.n].variable = name;
    known.item[known.n++].key = copy;
    *kept = copy;
    return SG_OK;
}

sg_status sg_secret_take(const char *variable, const char **key, struct sg_err *err)
{
    sg_status status = SG_OK;
    *key = NULL;
    pthread_mutex_lock(&known.lock);
    for (int i = 0; i < known.n; i++)
        if (strcmp(known.item[i].variable, variable) == 0)
            *key = known.item[i].key;
    char *value = *key ? NULL : getenv(variable);
    if (value) {
        status = check(variable, value, err);
        if (status == SG_OK)
            status = remember(variable, value, key, err);
        wipe(value);
        unsetenv(variable);
    }
    pthread_mutex_unlock(&known.lock);
    return status;
}

sg_status sg_secret_remember(const char *key, const char **kept, struct sg_err *err)
{
    pthread_mutex_lock(&known.lock);
    sg_status status = check("the API key", key, err);
    if (status == SG_OK)
        status = remember("", key, kept, err);
    pthread_mutex_unlock(&known.lock);
    return status;
}

static int is_key_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

/* The bytes at p that look like a key: long, or with a digit. Texts have "task-oriented" and "Bearer
 * certificates" too. */
static size_t key_length(const char *p)
{
    size_t n = 0;
    int has_digit = 0;
    for (; is_key_char(p[n]); n++)
        has_digit |= isdigit((unsigned char)p[n]) != 0;
    return n >= 20 || (n >= 8 && has_digit) ? n : 0;
}

void sg_redact(char *text)
{
    pthread_mutex_lock(&known.lock);
    for (int i = 0; i < known.n; i++) {
        size_t n = strlen(known.item[i].key);
        if (n < MIN_SECRET)
            continue;
        for (char *p = text; (p = strstr(p, known.item[i].key)); p += n)
            memset(p, '*', n);
    }
    pthread_mutex_unlock(&known.lock);
    static const char *const mark[] = {"sk-", "Bearer "};
    for (int m = 0; m < 2; m++)
        for (char *p = text; (p = strstr(p, mark[m]));) {
            int inside_word = p > text && isalnum((unsigned char)p[-1]);
            p += strlen(mark[m]);
            if (!inside_word)
                memset(p, '*', key_length(p));
        }
}

void sg_buf_foreign(struct sg_buf *b, const char *text, size_t max_chars)
{
    char *copy = sg_strdup(text);
    if (!copy)
        return;
    sg_redact(copy);
    sg_buf_safe(b, copy, max_chars);
    sg_free(copy);
}

void sg_secret_wipe(void)
{
    pthread_mutex_lock(&known.lock);
    for (int i = 0; i < known.n; i++) {
        wipe(known.item[i].key);
        sg_free(known.item[i].key);
        sg_free(known.item[i].variable);
    }
    known.n = 0;
    pthread_mutex_unlock(&known.lock);
}
