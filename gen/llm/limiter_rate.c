#include "base/mem.h"
#include "gen/llm/limiter_impl.h"

#include <math.h>

/* Attempts need not be equally long on their way to the server: even spacing at a little less than the limit, and
 * a window that is a second longer than the server's. */
static const double share = 0.97, window_s = 61;

/* Whoever asks comes by every few milliseconds: so much lateness is caught up, so that none of the rate is lost. */
static const double slack_s = 0.25;

static void forget_old(struct sg_limiter *l, double now_s)
{
    while (l->n_log && l->log[l->log_first].time_s <= now_s - window_s) {
        l->log_tokens -= l->log[l->log_first].tokens;
        l->log_first = (l->log_first + 1) % l->cap_log;
        l->n_log--;
    }
    if (!l->n_log)
        l->log_tokens = 0;
}

/* 0 without memory. */
static int remember(struct sg_limiter *l, double now_s, double tokens)
{
    if (l->n_log == l->cap_log) {
        int64_t cap = l->cap_log ? 2 * l->cap_log : 256;
        struct send *log = sg_alloc((size_t)cap, sizeof *log);
        if (!log)
            return 0;
        for (int64_t i = 0; i < l->n_log; i++)
            log[i] = l->log[(l->log_first + i) % l->cap_log];
        sg_free(l->log);
        l->log = log;
        l->log_first = 0;
        l->cap_log = cap;
    }
    l->log[(l->log_first + l->n_log++) % l->cap_log] = (struct send){now_s, tokens};
    l->log_tokens += tokens;
    return 1;
}

/* The lower of our limit and the server's, a minute; 0: none. */
static double lower(int64_t ours, double server)
{
    return ours > 0 && server > 0 ? fmin((double)ours, server) : ours > 0 ? (double)ours : server;
}

/* What is left of the rate after a 429: it grows by the rate before in a minute. */
static double cut_rate(const struct sg_limiter *l, double now_s)
{
    return l->cut_rate > 0 ? l->cut_rate + l->peak_rate * (now_s - l->cut_s) / 60 : HUGE_VAL;
}

int sg_limiter_rate_allows(struct sg_limiter *l, double now_s, double tokens)
{
    if (now_s < l->pause_s || now_s < l->next_request_s || now_s < l->next_tokens_s)
        return 0;
    forget_old(l, now_s);
    double requests = lower(l->s.requests_per_min, l->server_requests),
           per_min = lower(l->s.tokens_per_min, l->server_tokens);
    if (requests > 0 && (double)l->n_log + 1 > requests && l->n_log)
        return 0;
    /* One that is larger than the limit goes alone. */
    return per_min <= 0 || l->log_tokens + tokens <= per_min || !l->n_log;
}

/* Nothing is saved up while nobody asks. */
static double later(double due_s, double now_s, double pace_s)
{
    return (due_s < now_s - slack_s ? now_s : due_s) + pace_s;
}

static void pace(struct sg_limiter *l, double now_s, double tokens)
{
    double requests = lower(l->s.requests_per_min, l->server_requests),
           per_min = lower(l->s.tokens_per_min, l->server_tokens);
    double gap_s = fmax(requests > 0 ? 60 / (share * requests) : 0, 1 / cut_rate(l, now_s));
    l->next_request_s = later(l->next_request_s, now_s, gap_s);
    l->next_tokens_s = later(l->next_tokens_s, now_s, per_min > 0 ? 60 * tokens / (share * per_min) : 0);
}

/* How many a second left in the last 10 s, or since the first of them. */
static double recent_rate(const struct sg_limiter *l, double now_s)
{
    int64_t n = 0;
    double first_s = now_s;
    for (int64_t i = l->n_log - 1; i >= 0; i--) {
        double t = l->log[(l->log_first + i) % l->cap_log].time_s;
        if (t < now_s - 10)
            break;
        first_s = t;
        n++;
    }
    return (double)(n > 1 ? n : 1) / fmax(now_s - first_s, 1);
}

/* A header's limits are hints: nonsense (Azure has sent -1) is passed over, and a pause of hours is left to the
 * 429 that will say so. */
static void heed_one(double limit, double left, double reset_s, double now_s, double *server, double *pause_s)
{
    if (limit >= 1 && limit < 1e15)
        *server = limit;
    if (limit >= 1 && left >= 0 && left < 1 && reset_s > 0)
        *pause_s = fmax(*pause_s, now_s + fmin(reset_s, 60));
}

int sg_limiter_rate_take(struct sg_limiter *l, double now_s, double tokens)
{
    if (!remember(l, now_s, tokens))
        return 0;
    pace(l, now_s, tokens);
    return 1;
}

void sg_limiter_rate_cut(struct sg_limiter *l, double sent_s, double now_s)
{
    if (sent_s < l->cut_s) /* it left before the rate was cut: the burst of which it is cuts once */
        return;
    double rate = fmin(cut_rate(l, now_s), recent_rate(l, now_s));
    l->peak_rate = fmax(rate, 0.95 * l->peak_rate); /* a storm is forgotten sooner than it came */
    l->cut_rate = fmax(0.7 * rate, l->peak_rate / 16);
    l->cut_s = now_s;
}

void sg_limiter_rate_heed(struct sg_limiter *l, const struct sg_server_limits *limits, double now_s)
{
    heed_one(limits->limit_requests, limits->left_requests, limits->reset_requests_s, now_s,
             &l->server_requests, &l->pause_s);
    heed_one(limits->limit_tokens, limits->left_tokens, limits->reset_tokens_s, now_s, &l->server_tokens,
             &l->pause_s);
}
