#include "base/secret.h"

#include "base/mem.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { MAX_SECRETS = 16 };

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
#ifdef __linux__
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

void sg_redact(char *text)
{
    pthread_mutex_lock(&known.lock);
    for (int i = 0; i < known.n; i++) {
        size_t n = strlen(known.item[i].key);
        if (n < 4)
            continue; /* a key like "x" for a local server would wipe every x */
        for (char *p = text; (p = strstr(p, known.item[i].key)); p += n)
            memset(p, '*', n);
    }
    pthread_mutex_unlock(&known.lock);
    static const char *const mark[] = {"sk-", "Bearer "};
    for (int m = 0; m < 2; m++)
        for (char *p = text; (p = strstr(p, mark[m]));) {
            p += strlen(mark[m]);
            size_t n = 0;
            while (is_key_char(p[n]))
                n++;
            if (n >= 8)
                memset(p, '*', n);
        }
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
