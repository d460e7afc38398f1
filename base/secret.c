#include "base/secret.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* A known key shorter than this is no secret but a stand-in for a server without keys ("EMPTY", "none"):
 * wiping it would wipe words of the data. */
enum { MAX_SECRETS = 64, MIN_SECRET = 8, FILE_MAX = 8192, VARIABLE_MAX = 200 };

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

static sg_status check_mode(const char *path, const struct stat *st, struct sg_err *err)
{
    if (!S_ISREG(st->st_mode))
        return sg_fail(err, SG_INPUT, "%s: not a file with a key", path);
    if (st->st_mode & 077)
        return sg_fail(err, SG_INPUT, "%s: a key file that others can open (mode %03o); hint: chmod 600 %s",
                       path, (unsigned)(st->st_mode & 0777), path);
    return SG_OK;
}

sg_status sg_secret_file_check(const char *path, struct sg_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return sg_fail(err, SG_INPUT, "%s: %s; hint: a file with the key in one line, chmod 600", path,
                       strerror(errno));
    return check_mode(path, &st, err);
}

/* What is checked is what is read: the path may mean another file a moment later. */
static sg_status read_file(const char *path, char key[FILE_MAX], struct sg_err *err)
{
    struct stat st;
    SG_TRY(sg_secret_file_check(path, err)); /* a pipe would be waited for */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sg_fail(err, SG_INPUT, "%s: %s", path, strerror(errno));
    ssize_t n = -1;
    sg_status status = fstat(fd, &st) == 0 ? check_mode(path, &st, err) : SG_OK;
    if (status == SG_OK && (n = read(fd, key, FILE_MAX)) < 0)
        status = sg_fail(err, SG_FAILED, "%s: %s", path, strerror(errno));
    close(fd);
    if (status == SG_OK && n == FILE_MAX)
        status = sg_fail(err, SG_INPUT, "%s: longer than any key", path);
    if (status != SG_OK)
        return status;
    while (n > 0 && isspace((unsigned char)key[n - 1]))
        n--;
    key[n] = 0;
    return SG_OK;
}

/* known.lock is held. */
static sg_status take_file(const char *variable, const char **key, struct sg_err *err)
{
    char name[VARIABLE_MAX + 8], text[FILE_MAX] = "";
    if (strlen(variable) > VARIABLE_MAX)
        return SG_OK;
    snprintf(name, sizeof name, "%s_FILE", variable);
    const char *path = getenv(name);
    if (!path || !path[0])
        return SG_OK;
    sg_status status = read_file(path, text, err);
    if (status == SG_OK && (status = check(path, text, err)) == SG_OK)
        status = remember(variable, text, key, err);
    for (volatile char *p = text; p < text + sizeof text; p++)
        *p = 0;
    return status == SG_OK ? SG_OK : sg_err_at(err, "%s", name);
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
    } else if (!*key)
        status = take_file(variable, key, err);
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

int sg_secret_is_in(const char *text)
{
    int yes = 0;
    pthread_mutex_lock(&known.lock);
    for (int i = 0; i < known.n; i++)
        yes |= strlen(known.item[i].key) >= MIN_SECRET && strstr(text, known.item[i].key);
    pthread_mutex_unlock(&known.lock);
    return yes;
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
