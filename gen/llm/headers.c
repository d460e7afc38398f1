#include "gen/llm/headers.h"

#include "base/text.h"
#include "gen/llm/provider.h"

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct sg_headers sg_headers_make(void)
{
    return (struct sg_headers){
        .limits = sg_server_limits_make(), .should_retry = -1, .date_s = -1, .moment = {-1, -1, -1}};
}

/* The value of header `name` in one line, or NULL. */
static const char *header_value(const char *line, size_t n, const char *name, char out[200])
{
    size_t k = strlen(name);
    if (n <= k || line[k] != ':' || strncasecmp(line, name, k) != 0)
        return NULL;
    snprintf(out, 200, "%.*s", (int)(n - k - 1 < 199 ? n - k - 1 : 199), line + k + 1);
    return sg_text_trim(out);
}

static double number_of(const char *v)
{
    double x;
    return sg_parse_double(v, &x) && x >= 0 ? x : -1;
}

/* A moment as in RFC 3339, in seconds since 1970; -1: none. */
static double moment_of(const char *v)
{
    struct tm t = {0};
    if (sscanf(v, "%4d-%2d-%2dT%2d:%2d:%2d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
               &t.tm_sec) != 6)
        return -1;
    t.tm_year -= 1900;
    t.tm_mon--;
    return (double)timegm(&t);
}

/* "12ms", "1s", "6m0s", "1h2m3s" as Go writes them, or seconds as a bare number; -1: none. */
static double duration_of(const char *v)
{
    if (number_of(v) >= 0)
        return number_of(v);
    static const struct {
        const char *name;
        double s;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"h", 3600}, {"m", 60}, {"s", 1}};
    double sum = 0;
    while (*v) {
        size_t n = strspn(v, "0123456789."), u = 0;
        char digits[32];
        if (!n || n >= sizeof digits)
            return -1;
        snprintf(digits, sizeof digits, "%.*s", (int)n, v);
        v += n;
        while (u < 5 && strncmp(v, units[u].name, strlen(units[u].name)) != 0)
            u++;
        if (u == 5 || number_of(digits) < 0)
            return -1;
        sum += number_of(digits) * units[u].s;
        v += strlen(units[u].name);
    }
    return sum > 0 ? sum : -1;
}

/* An HTTP date in seconds since 1970; -1: none. */
static double date_of(const char *v)
{
    return (double)curl_getdate(v, NULL);
}

/* Moments as delays: by the server's clock where it tells it (RFC 9110, section 10.2.3), as ours may be wrong by hours. */
static void count_from(struct sg_headers *h, double unix_s)
{
    double *const delay[] = {&h->limits.retry_after_s, &h->limits.reset_requests_s,
                             &h->limits.reset_tokens_s};
    for (size_t i = 0; i < sizeof delay / sizeof *delay; i++)
        if (h->moment[i] >= 0)
            *delay[i] = fmax(h->moment[i] - (h->date_s >= 0 ? h->date_s : unix_s), 0);
}

/* retry-after in seconds, or as a date. */
static void take_retry_after(struct sg_headers *h, const char *v)
{
    double x;
    int is_number = sg_parse_double(v, &x);
    h->moment[0] = is_number ? -1 : date_of(v);
    h->limits.retry_after_s = is_number && x >= 0 ? x : -1;
}

/* A limit, in the words of any provider: gateways pass on those of whom they ask. 1: the line is one. */
static int take_limit(const char *line, size_t n, enum sg_wire_limit which, double *out, double *moment)
{
    char buffer[200];
    const struct sg_provider *p;
    for (int i = 0; (p = sg_provider_at(i)); i++) {
        const char *name = p->wire ? p->wire->limit_header[which] : NULL,
                   *v = name ? header_value(line, n, name, buffer) : NULL;
        if (!v)
            continue;
        *out = moment ? duration_of(v) : number_of(v);
        if (moment)
            *moment = moment_of(v);
        return 1;
    }
    return 0;
}

static int take_limits(struct sg_headers *h, const char *line, size_t n)
{
    struct sg_server_limits *l = &h->limits;
    double *const out[] = {
        [SG_WIRE_LIMIT_REQUESTS] = &l->limit_requests,   [SG_WIRE_LIMIT_TOKENS] = &l->limit_tokens,
        [SG_WIRE_LEFT_REQUESTS] = &l->left_requests,     [SG_WIRE_LEFT_TOKENS] = &l->left_tokens,
        [SG_WIRE_RESET_REQUESTS] = &l->reset_requests_s, [SG_WIRE_RESET_TOKENS] = &l->reset_tokens_s};
    double *const moment[] = {
        [SG_WIRE_RESET_REQUESTS] = &h->moment[1], [SG_WIRE_RESET_TOKENS] = &h->moment[2]};
    for (int i = 0; i < SG_WIRE_N_LIMITS; i++)
        if (take_limit(line, n, i, out[i], moment[i]))
            return 1;
    return 0;
}

void sg_headers_add(struct sg_headers *h, const char *line, size_t n, double unix_s)
{
    char buffer[200];
    const char *v;
    if (take_limits(h, line, n))
        ;
    else if ((v = header_value(line, n, "retry-after-ms", buffer)) && number_of(v) >= 0) {
        h->limits.retry_after_s = number_of(v) / 1000;
        h->is_exact = 1;
        h->moment[0] = -1;
    } else if ((v = header_value(line, n, "retry-after", buffer)) && !h->is_exact)
        take_retry_after(h, v);
    else if ((v = header_value(line, n, "date", buffer)))
        h->date_s = date_of(v);
    else if ((v = header_value(line, n, "x-should-retry", buffer)))
        h->should_retry = strcmp(v, "true") == 0 ? 1 : strcmp(v, "false") == 0 ? 0 : -1;
    else if (((v = header_value(line, n, "x-request-id", buffer)) ||
              (v = header_value(line, n, "request-id", buffer))) &&
             !h->request_id[0] && sg_utf8_valid(v, strlen(v)))
        snprintf(h->request_id, sizeof h->request_id, "%s", v);
    count_from(h, unix_s);
}
