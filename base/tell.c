#include "base/tell.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CHARS = 4000 }; /* of a line */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char progress[1000]; /* what stands on the terminal's last line; under the lock */

int sg_tell_is_terminal(void)
{
    static int is_terminal = -1;
    if (is_terminal < 0) {
        const char *term = getenv("TERM");
        is_terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    }
    return is_terminal;
}

static void add_safe(struct sg_buf *b, const char *line, size_t n)
{
    char *copy = sg_strndup(line, n);
    sg_buf_safe(b, copy ? copy : "(no memory for what is to be said)", MAX_CHARS);
    sg_free(copy);
}

/* One write, so that lines of several processes do not mix. */
static void write_lines(struct sg_buf *b)
{
    if (b->data)
        sg_redact(b->data);
    pthread_mutex_lock(&lock);
    if (progress[0])
        fprintf(stderr, "\r\033[K%s%s", sg_buf_text(b), progress);
    else
        fputs(sg_buf_text(b), stderr);
    fflush(stderr);
    pthread_mutex_unlock(&lock);
    sg_buf_free(b);
}

static void tell(const char *before, const char *format, va_list arguments)
{
    char text[MAX_CHARS + 1];
    struct sg_buf b = sg_buf_make((size_t)1 << 16);
    vsnprintf(text, sizeof text, format, arguments);
    sg_text_whole(text);
    sg_buf_puts(&b, before);
    add_safe(&b, text, strlen(text));
    sg_buf_puts(&b, "\n");
    write_lines(&b);
}

void sg_tell(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell("", format, arguments);
    va_end(arguments);
}

void sg_tell_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell("synthgrid: warning: ", format, arguments);
    va_end(arguments);
}

void sg_tell_sentence(const char *sentence)
{
    sg_tell("synthgrid: %s", sentence);
}

void sg_tell_text(const char *text)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 28);
    while (*text) {
        size_t n = strcspn(text, "\n");
        add_safe(&b, text, n);
        sg_buf_puts(&b, "\n");
        text += n + (text[n] == '\n');
    }
    write_lines(&b);
}

void sg_tell_progress(const char *line, int last)
{
    if (!sg_tell_is_terminal()) {
        if (line[0])
            sg_tell("%s", line);
        return;
    }
    struct sg_buf b = sg_buf_make((size_t)1 << 16);
    add_safe(&b, line, strlen(line));
    if (b.data)
        sg_redact(b.data);
    pthread_mutex_lock(&lock);
    snprintf(progress, sizeof progress, "%s", last ? "" : sg_buf_text(&b));
    sg_text_whole(progress);
    fprintf(stderr, "\r\033[K%s%s", last ? sg_buf_text(&b) : progress, last && line[0] ? "\n" : "");
    fflush(stderr);
    pthread_mutex_unlock(&lock);
    sg_buf_free(&b);
}

void sg_tell_result(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}
