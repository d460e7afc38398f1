/* The ledger: what is committed survives a crash, what is not is gone; first record wins; the lease; foreign
 * and damaged files. */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "results/ledger/ledger_attempts.h"
#include "results/ledger/ledger_contamination.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ledger_number.h"
#include "scratch.h"

#define REFUSED(call, words) FAILS(SG_INPUT, words, call)

static struct sg_ledger *open_it(const char *dir)
{
    struct sg_ledger *l = NULL;
    OK(sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err));
    return l;
}

static struct sg_ledger_completion completion(const char *key, int status, const char *text)
{
    return (struct sg_ledger_completion){.key = key,
                                         .request = "{}",
                                         .status = status,
                                         .reason = status ? "no answer" : NULL,
                                         .text = text,
                                         .finish_reason = "stop",
                                         .model = "m",
                                         .http_status = 200,
                                         .attempts = 1,
                                         .tokens_in = 10,
                                         .tokens_out = 20,
                                         .latency_s = 0.5,
                                         .cost_usd = 0.25,
                                         .source = "live http://x"};
}

/* In a child: writes, then dies without closing; `commit` says whether it committed. The parent waits for its
 * end. */
static void crash_after_write(const char *dir, const char *key, int commit)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sg_ledger *l = NULL;
        struct sg_ledger_completion c = completion(key, 0, "text");
        if (sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err) != SG_OK ||
            sg_ledger_completion_put(l, &c, &err) != SG_OK ||
            (commit && sg_ledger_commit(l, &err) != SG_OK)) {
            fprintf(stderr, "%s\n", err.text);
            _exit(1);
        }
        kill(getpid(), SIGKILL);
        _exit(2);
    }
    int how = 0;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}

static void write_file(const char *path, const char *text, size_t n)
{
    OK(sg_file_write(path, text, n, &err));
}

static int has(struct sg_ledger *l, const char *key)
{
    int found = 0;
    struct sg_ledger_completion c;
    OK(sg_ledger_completion_get(l, key, &found, &c, &err));
    return found;
}

static void crash_keeps_the_committed(void **state)
{
    (void)state;
    const char *dir = in_scratch("crash");
    crash_after_write(dir, "kept", 1);
    crash_after_write(dir, "lost", 0);
    struct sg_ledger *l = NULL;
    /* Of a run elsewhere, whose locks are not seen here, its log stays. */
    static const char elsewhere[] = "{\"host\":\"elsewhere\",\"pid\":1}";
    char holder[300], kept[300];
    snprintf(holder, sizeof holder, "%s", in_scratch("crash/lock/holder"));
    snprintf(kept, sizeof kept, "%s", in_scratch("crash/holder"));
    assert_int_equal(rename(holder, kept), 0);
    write_file(holder, elsewhere, strlen(elsewhere));
    dir = in_scratch("crash");
    OK(sg_ledger_open(dir, SG_LEDGER_READ, &l, &err));
    assert_true(has(l, "kept"));
    sg_ledger_close(l);
    assert_true(sg_file_exists(in_scratch("crash/ledger.sqlite-wal")));
    assert_int_equal(rename(kept, holder), 0);
    dir = in_scratch("crash");
    OK(sg_ledger_open(dir, SG_LEDGER_READ, &l, &err)); /* a reader finds what a dead run left in its log */
    assert_true(has(l, "kept"));
    sg_ledger_close(l);
    assert_false(sg_file_exists(in_scratch("crash/ledger.sqlite-wal")));
    l = open_it(in_scratch("crash")); /* takes the dead run's lease over */
    assert_true(has(l, "kept"));
    assert_false(has(l, "lost"));
    sg_ledger_close(l);
}

static void close_commits_nothing(void **state)
{
    (void)state;
    const char *dir = in_scratch("close");
    struct sg_ledger *l = open_it(dir);
    struct sg_ledger_completion c = completion("k", 0, "text");
    assert_true(sg_ledger_pending_s(l) == 0);
    OK(sg_ledger_completion_put(l, &c, &err));
    sg_sleep_us(2000);
    assert_true(sg_ledger_pending_s(l) > 0.001);
    assert_true(has(l, "k"));
    sg_ledger_close(l);
    l = open_it(dir);
    assert_false(has(l, "k"));
    OK(sg_ledger_completion_put(l, &c, &err));
    OK(sg_ledger_commit(l, &err));
    assert_true(sg_ledger_pending_s(l) == 0);
    OK(sg_ledger_commit(l, &err)); /* with nothing pending */
    sg_ledger_close(l);
    l = open_it(dir);
    assert_true(has(l, "k"));
    sg_ledger_close(l);
    assert_false(sg_dir_exists(in_scratch("close/lock")));
    sg_ledger_close(NULL);
}

static void first_valid_record_wins(void **state)
{
    (void)state;
    struct sg_ledger *l = open_it(in_scratch("first"));
    struct {
        int status;
        const char *text, *expected;
    } put[] = {{1, NULL, NULL},
               {1, "again", "again"},
               {0, "valid", "valid"},
               {0, "later", "valid"},
               {1, "bad", "valid"}};
    for (size_t i = 0; i < sizeof put / sizeof *put; i++) {
        struct sg_ledger_completion c = completion("k", put[i].status, put[i].text), got = {0};
        c.cost_usd = i == 0 ? -1 : 0.25;
        OK(sg_ledger_completion_put(l, &c, &err));
        int found = 0;
        struct sg_ledger_answer a = {0};
        OK(sg_ledger_answer_get(l, "k", &found, &a, &err));
        assert_true(found);
        assert_int_equal(a.status, put[i].expected && strcmp(put[i].expected, "again") != 0 ? 0 : 1);
        assert_true(put[i].expected ? strcmp(a.text, put[i].expected) == 0 : a.text == NULL);
        OK(sg_ledger_answer_get(l, "none", &found, &a, &err));
        assert_false(found);
        OK(sg_ledger_completion_get(l, "k", &found, &got, &err));
        assert_true(found);
        if (put[i].expected)
            assert_string_equal(got.text, put[i].expected);
        else {
            assert_null(got.text);
            assert_string_equal(got.reason, "no answer");
            assert_true(got.cost_usd < 0);
        }
        assert_string_equal(got.key, "k");
        assert_string_equal(got.source, "live http://x");
        assert_null(got.request_id);
        assert_int_equal(got.tokens_out, 20);
    }
    struct sg_ledger_totals t;
    OK(sg_ledger_totals(l, &t, &err));
    assert_int_equal(t.n_completions, 1);
    assert_int_equal(t.n_failed_completions, 0);
    assert_int_equal(t.n_cost_unknown, 0);
    assert_true(t.cost_usd == 0.25);
    sg_ledger_close(l);
}

static sg_status collect(void *context, const struct sg_ledger_completion *c, struct sg_err *e)
{
    struct sg_buf *b = context;
    sg_buf_printf(b, "%s=%s;", c->key, c->text);
    return strcmp(c->key, "stop") == 0 ? sg_fail(e, SG_STOPPED, "enough") : SG_OK;
}

/* What others have paid for is part of the cost, but not of what this study has spent. */
static void imported_is_not_paid(void **state)
{
    (void)state;
    struct sg_ledger *l = open_it(in_scratch("imported"));
    static const char *const source[] = {"live http://x", "recording r.gz", "cache a.jsonl.gz", NULL};
    static const char *const key[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        struct sg_ledger_completion c = completion(key[i], 0, "x");
        c.source = source[i];
        OK(sg_ledger_completion_put(l, &c, &err));
    }
    struct sg_ledger_totals t;
    OK(sg_ledger_totals(l, &t, &err));
    assert_int_equal(t.n_imported, 2);
    assert_true(t.cost_usd == 1 && t.paid_usd == 0.5);
    assert_false(sg_ledger_is_imported(source[0]));
    assert_true(sg_ledger_is_imported(source[1]) && sg_ledger_is_imported(source[2]));
    sg_ledger_close(l);
}

static void run_sqlite(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static struct sg_ledger_attempt leaving(const char *key, double usd)
{
    return (struct sg_ledger_attempt){.key = key,
                                      .number = 1,
                                      .origin = "http://x",
                                      .worst_usd = usd,
                                      .tokens_in = -1,
                                      .tokens_out = -1,
                                      .cost_usd = -1,
                                      .latency_s = -1};
}

static const struct sg_ledger_attempt answered = {.settled = 1,
                                                  .kind = "answered",
                                                  .outcome = "answered",
                                                  .http_status = 200,
                                                  .tokens_in = 10,
                                                  .tokens_out = 20,
                                                  .cost_usd = 0.125,
                                                  .latency_s = 0.5,
                                                  .request_id = "req_1",
                                                  .model = "m-1"},
                                      refused = {.settled = 1,
                                                 .kind = "rate",
                                                 .outcome = "again",
                                                 .http_status = 429,
                                                 .reason = "slow",
                                                 .tokens_in = -1,
                                                 .tokens_out = -1,
                                                 .cost_usd = -1,
                                                 .latency_s = 0.25};

/* A request that left and was not settled stays on the list, over any number of runs. */
static void unsettled_requests(void **state)
{
    (void)state;
    const char *dir = in_scratch("unsettled");
    struct sg_ledger *l = open_it(dir);
    struct sg_ledger_unsettled u;
    int64_t a, b, again;
    OK(sg_ledger_unsettled(l, &u, &err));
    assert_true(u.n == 0 && u.usd == 0);
    struct sg_ledger_attempt one = leaving("k1", 0.25), two = leaving("k2", 0.5), more = leaving("k2", 1.0);
    OK(sg_ledger_attempt_put(l, &one, &a, &err));
    OK(sg_ledger_attempt_put(l, &two, &b, &err));
    OK(sg_ledger_attempt_put(l, &more, &again, &err));
    OK(sg_ledger_attempt_end(l, a, &answered, &err));
    OK(sg_ledger_commit(l, &err));
    OK(sg_ledger_attempt_end(l, b, &refused, &err)); /* not committed */
    sg_ledger_close(l);
    l = open_it(dir);
    OK(sg_ledger_unsettled(l, &u, &err));
    assert_true(u.n == 2 && u.usd == 1.5);
    OK(sg_ledger_attempt_end(l, again, &refused, &err));
    OK(sg_ledger_commit(l, &err));
    OK(sg_ledger_unsettled(l, &u, &err));
    assert_true(u.n == 1 && u.usd == 0.5);
    struct sg_ledger_attempt none = refused; /* of another shape than an answer, but with a usage */
    none.cost_usd = 0.125;
    OK(sg_ledger_attempt_put(l, &more, &again, &err));
    OK(sg_ledger_attempt_end(l, again, &none, &err));
    OK(sg_ledger_unsettled(l, &u, &err));
    assert_true(u.n == 2 && u.usd == 0.625);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM sent"), 1);
    sg_ledger_close(l);
}

/* Everything that is known of an attempt is there again; what is not is NULL. One may end without being settled. */
static void attempts(void **state)
{
    (void)state;
    struct sg_ledger *l = open_it(in_scratch("attempts"));
    struct sg_ledger_attempt x = leaving("k", 0.5), lost = refused;
    int64_t a, b, c;
    OK(sg_ledger_attempt_put(l, &x, &a, &err));
    assert_int_equal(
        ledger_number(
            l, "SELECT count(*) FROM attempts WHERE kind IS NULL AND fate IS NULL AND tokens_in IS NULL"
               " AND cost_usd IS NULL AND latency_s IS NULL AND NOT settled AND worst_usd=0.5"),
        1);
    OK(sg_ledger_attempt_end(l, a, &refused, &err));
    x.number = 2;
    x.rank = 3;
    OK(sg_ledger_attempt_put(l, &x, &b, &err));
    OK(sg_ledger_attempt_end(l, b, &answered, &err));
    assert_int_equal(
        ledger_number(
            l, "SELECT count(*) FROM attempts WHERE key='k' AND number=1 AND rank=0 AND kind='rate' AND"
               " fate='again' AND http_status=429 AND reason='slow' AND model IS NULL"
               " AND cost_usd IS NULL AND latency_s=0.25 AND settled"),
        1);
    assert_int_equal(
        ledger_number(
            l, "SELECT count(*) FROM attempts WHERE key='k' AND number=2 AND rank=3 AND origin='http://x'"
               " AND kind='answered' AND http_status=200 AND reason IS NULL AND tokens_in=10 AND"
               " tokens_out=20 AND cost_usd=0.125 AND request_id='req_1' AND model='m-1' AND settled"),
        1);
    lost.settled = 0;
    OK(sg_ledger_attempt_put(l, &x, &c, &err));
    OK(sg_ledger_attempt_end(l, c, &lost, &err));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM sent WHERE key='k' AND usd=0.5"), 1);
    assert_int_equal(sg_ledger_attempt_end(l, 99, &answered, &err), SG_FAILED);
    sg_ledger_close(l);
}

/* A ledger of this program made into one of version 1, with n requests that are not settled; n < 0: as its first files, which
 * had no table for them. */
static void make_version_1(const char *dir, int n)
{
    char path[PATH_MAX], sql[400];
    struct sg_ledger *l = open_it(dir);
    struct sg_ledger_completion c = completion("old", 0, "text");
    OK(sg_ledger_completion_put(l, &c, &err));
    OK(sg_ledger_commit(l, &err));
    sg_ledger_close(l);
    snprintf(path, sizeof path, "%s/ledger.sqlite", dir);
    run_sqlite(path, "DROP VIEW sent; DROP TABLE attempts; UPDATE meta SET value='1' WHERE name='version'");
    if (n >= 0)
        run_sqlite(
            path,
            "CREATE TABLE sent(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, usd REAL NOT NULL,"
            " created TEXT)");
    for (int i = 0; i < n; i++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO sent(key, usd, created) VALUES('k%d', 0.25, '2026-01-01T00:00:00Z')", i);
        run_sqlite(path, sql);
    }
}

/* A ledger of version 1 is read as it is; a writer brings it to version 2, whole or not at all, and what it lists as
 * possibly paid for still counts. */
static void version_1_becomes_2(void **state)
{
    (void)state;
    struct sg_ledger *l = NULL;
    struct sg_ledger_unsettled u;
    for (int n = -1; n <= 3; n++) {
        char name[32];
        snprintf(name, sizeof name, "version1_%d", n + 1);
        const char *dir = in_scratch(name);
        make_version_1(dir, n);
        OK(sg_ledger_open(dir, SG_LEDGER_READ, &l, &err));
        assert_int_equal(ledger_number(l, "SELECT value FROM meta WHERE name='version'"), 1);
        sg_ledger_close(l);
        for (int again = 0; again < 2; again++) {
            l = open_it(dir);
            assert_int_equal(ledger_number(l, "SELECT value FROM meta WHERE name='version'"), 2);
            assert_int_equal(ledger_number(l, "SELECT count(*) FROM completions WHERE key='old'"), 1);
            OK(sg_ledger_unsettled(l, &u, &err));
            assert_true(u.n == (n > 0 ? n : 0) && u.usd == 0.25 * (double)u.n);
            assert_int_equal(
                ledger_number(l, "SELECT count(*) FROM attempts WHERE created='2026-01-01T00:00:00Z'"), u.n);
            sg_ledger_close(l);
        }
    }
}

/* What ends in the middle leaves the file at version 1, with all that it had. */
static void a_migration_that_fails(void **state)
{
    (void)state;
    const char *dir = in_scratch("half");
    char path[PATH_MAX];
    make_version_1(dir, 2);
    snprintf(path, sizeof path, "%s/ledger.sqlite", dir);
    run_sqlite(path, "CREATE TRIGGER full BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'no room'); END");
    struct sg_ledger *l = NULL;
    assert_int_equal(sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "no room"));
    OK(sg_ledger_open(dir, SG_LEDGER_READ, &l, &err));
    assert_int_equal(ledger_number(l, "SELECT value FROM meta WHERE name='version'"), 1);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM sent"), 2);
    assert_int_equal(
        ledger_number(l, "SELECT count(*) FROM sqlite_master WHERE name IN ('attempts', 'sent_1')"), 0);
    sg_ledger_close(l);
    run_sqlite(path, "DROP TRIGGER full");
    l = open_it(dir);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM sent"), 2);
    sg_ledger_close(l);
}

static void each_completion_by_key(void **state)
{
    (void)state;
    struct sg_ledger *l = open_it(in_scratch("each"));
    const char *keys[] = {"c", "a", "b"};
    struct sg_buf b = sg_buf_make(1000);
    for (int i = 0; i < 3; i++) {
        struct sg_ledger_completion c = completion(keys[i], 0, keys[i]);
        OK(sg_ledger_completion_put(l, &c, &err));
    }
    OK(sg_ledger_completions_each(l, collect, &b, &err));
    assert_string_equal(sg_buf_text(&b), "a=a;b=b;c=c;");
    struct sg_ledger_completion c = completion("stop", 0, "x");
    OK(sg_ledger_completion_put(l, &c, &err));
    assert_int_equal(sg_ledger_completions_each(l, collect, &b, &err), SG_STOPPED);
    sg_buf_free(&b);
    sg_ledger_close(l);
}

static void cells_and_pools(void **state)
{
    (void)state;
    const char *dir = in_scratch("cells");
    struct sg_ledger *l = open_it(dir);
    char status[16], *text = NULL;
    OK(sg_ledger_cell_status(l, "c1", status, &err));
    assert_string_equal(status, "");
    OK(sg_ledger_cell_plan(l, "c1", 0, "{}", "p1", &err));
    OK(sg_ledger_cell_plan(l, "c2", 1, "{}", NULL, &err));
    float logits[4] = {1, 2, 3, 4}, loss[2] = {0.5f, 0.25f};
    struct sg_ledger_cell c = {.id = "c1", .status = "failed", .reason = "diverged", .result = "{}"};
    OK(sg_ledger_cell_finish(l, &c, &err));
    c = (struct sg_ledger_cell){.id = "c1",
                                .status = "done",
                                .result = "{}",
                                .n_eval = 2,
                                .n_classes = 2,
                                .n_loss = 2,
                                .logits = logits,
                                .loss = loss};
    OK(sg_ledger_cell_finish(l, &c, &err));
    OK(sg_ledger_cell_plan(l, "c1", 7, "{\"new\":1}", "p1", &err)); /* keeps status and result */
    OK(sg_ledger_cell_status(l, "c1", status, &err));
    assert_string_equal(status, "done");
    assert_int_equal(ledger_number(l, "SELECT length(logits) FROM predictions WHERE cell='c1'"), 16);
    c.id = "never planned";
    assert_int_equal(sg_ledger_cell_finish(l, &c, &err), SG_FAILED);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM predictions"), 1);

    struct sg_ledger_example example[3] = {
        {0, "one", NULL, "k1"}, {1, "two", "pair", "k2"}, {0, "three", NULL, "k3"}};
    const char *asked[] = {"k1", "k2", "k9", "k3"};
    struct sg_ledger_pool p = {.id = "p1",
                               .settings = "{}",
                               .status = "complete",
                               .rejects = "{}",
                               .n = 3,
                               .example = example,
                               .n_asked = 4,
                               .asked = asked};
    OK(sg_ledger_pool_put(l, &p, &err));
    p.n = 2;
    p.n_asked = 2;
    p.status = "short";
    OK(sg_ledger_pool_put(l, &p, &err));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM examples"), 2);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM pool_completions"), 2);
    int n_changes = sqlite3_total_changes(sg_ledger_handle(l));
    OK(sg_ledger_pool_put(l, &p, &err)); /* just so */
    assert_int_equal(sqlite3_total_changes(sg_ledger_handle(l)), n_changes);
    example[1].label = 0;
    OK(sg_ledger_pool_put(l, &p, &err));
    assert_int_equal(ledger_number(l, "SELECT sum(label) FROM examples"), 0);
    example[1].label = 1;
    p.asked = (const char *[]){"k1", "k7"};
    OK(sg_ledger_pool_put(l, &p, &err));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM pool_completions WHERE completion='k7'"), 1);
    /* As a program would that knows of no digest: its examples are replaced. */
    static const char older[] =
        "INSERT OR REPLACE INTO pools(id, ordinal, settings, status, n, rejects, shortfall) "
        "SELECT id, ordinal, settings, status, n, rejects, shortfall FROM pools;"
        "UPDATE examples SET first='older'";
    assert_int_equal(sqlite3_exec(sg_ledger_handle(l), older, NULL, NULL, NULL), SQLITE_OK);
    OK(sg_ledger_pool_put(l, &p, &err));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM examples WHERE first='older'"), 0);
    example[1].first = NULL; /* not allowed: the old pool stays whole */
    assert_int_equal(sg_ledger_pool_put(l, &p, &err), SG_FAILED);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM examples"), 2);

    OK(sg_ledger_diversity_put(l, "p1", "{\"n\":2}", &err));
    OK(sg_ledger_diversity_get(l, "p1", &text, &err));
    assert_string_equal(text, "{\"n\":2}");
    sg_free(text);
    OK(sg_ledger_diversity_get(l, "p2", &text, &err));
    assert_null(text);
    OK(sg_ledger_meta_set(l, "study.name", "a", &err));
    OK(sg_ledger_meta_set(l, "study.name", "b", &err));
    OK(sg_ledger_meta_get(l, "study.name", &text, &err));
    assert_string_equal(text, "b");
    sg_free(text);
    OK(sg_ledger_test_row_put(l, "sst2", 0, 1, "good", NULL, &err));
    OK(sg_ledger_commit(l, &err));

    struct sg_ledger_totals t;
    OK(sg_ledger_totals(l, &t, &err));
    assert_int_equal(t.n_cells, 2);
    assert_int_equal(t.n_cells_done, 1);
    assert_int_equal(t.n_pools, 1);
    assert_int_equal(t.n_pools_short, 1);
    OK(sg_ledger_cells_retire(l, &err));
    OK(sg_ledger_totals(l, &t, &err));
    assert_int_equal(t.n_cells, 0);
    assert_int_equal(t.n_pools, 0);
    OK(sg_ledger_cell_plan(l, "c1", 0, "{}", "p1", &err));
    OK(sg_ledger_totals(l, &t, &err));
    assert_int_equal(t.n_cells_done, 1);
    sg_ledger_close(l);
}

static void a_held_lease_refuses(void **state)
{
    (void)state;
    const char *dir = in_scratch("held");
    struct sg_ledger *l = open_it(dir), *second = NULL;
    REFUSED(sg_ledger_open(dir, SG_LEDGER_WRITE, &second, &err), "another run is writing there");
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(err.text, pid));
    pid_t child = fork(); /* another process: SQLite's lock refuses a reader */
    assert_true(child >= 0);
    if (child == 0)
        _exit(sg_ledger_open(dir, SG_LEDGER_READ, &second, &err) == SG_INPUT && strstr(err.text, pid) ? 0
                                                                                                      : 1);
    int how = 0;
    waitpid(child, &how, 0);
    assert_int_equal(how, 0);
    sg_ledger_close(l);
    sg_ledger_close(open_it(dir));
}

/* What a holder file says, and whether its lease may be taken over here. */
/* Not a run, but sqlite3's shell or the like: it is not told of as the run that is refused. */
static void another_program_has_it_open(void **state)
{
    (void)state;
    const char *dir = in_scratch("browsed");
    struct sg_ledger *l = open_it(dir);
    OK(sg_ledger_commit(l, &err));
    sg_ledger_close(l);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(in_scratch("browsed/ledger.sqlite"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
    struct sg_ledger *second = NULL;
    dir = in_scratch("browsed");
    REFUSED(sg_ledger_open(dir, SG_LEDGER_WRITE, &second, &err),
            "another program has it open, which is no run");
    assert_null(strstr(err.text, "another process is writing"));
    assert_false(sg_dir_exists(in_scratch("browsed/lock")));
    sqlite3_close(other);
    sg_ledger_close(open_it(in_scratch("browsed")));
}

static void whose_lease_may_be_taken(void **state)
{
    (void)state;
    char host[256], me[400], young[400], other_boot[400];
    gethostname(host, sizeof host);
    snprintf(me, sizeof me, "{\"host\":\"%s\",\"pid\":%ld}", host, (long)getpid());
    snprintf(young, sizeof young, "{\"host\":\"%s\",\"pid\":%ld,\"started\":1}", host, (long)getpid());
    snprintf(other_boot, sizeof other_boot, "{\"host\":\"%s\",\"pid\":%ld,\"boot\":\"another\"}", host,
             (long)getpid());
    setenv("SLURM_JOB_ID", "77", 1);
    setenv("SLURM_RESTART_COUNT", "2", 1);
    struct {
        const char *holder;
        int taken;
    } table[] = {
        {me, 0},         /* alive */
        {young, 1},      /* the pid belongs to a younger process */
        {other_boot, 1}, /* the host was booted since */
        {"{\"host\":\"elsewhere\",\"pid\":1}", 0},
        {"{\"host\":\"elsewhere\",\"pid\":1,\"job\":\"77\",\"restart\":1}",
         1}, /* this job, before it was requeued */
        {"{\"host\":\"elsewhere\",\"pid\":1,\"job\":\"77\",\"restart\":2}", 0},
        {"{\"host\":\"elsewhere\",\"pid\":1,\"job\":\"78\",\"restart\":0}", 0},
        {"{}", 0},
        {"no json", 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char dir[300], lock[320], holder[340];
        snprintf(dir, sizeof dir, "%s/lease%zu", scratch, i);
        snprintf(lock, sizeof lock, "%s/lock", dir);
        snprintf(holder, sizeof holder, "%s/holder", lock);
        OK(sg_mkdirs(lock, &err));
        write_file(holder, table[i].holder, strlen(table[i].holder));
        struct sg_ledger *l = NULL;
        sg_status status = sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err);
        if ((status == SG_OK) != table[i].taken)
            fail_msg("row %zu: %s", i, status == SG_OK ? "taken" : err.text);
        sg_ledger_close(l);
        assert_int_equal(sg_file_exists(holder),
                         !table[i].taken); /* a refused run leaves the holder's lease alone */
    }
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
}

/* The same of contamination probes. */
static void contamination_probes(void **state)
{
    (void)state;
    const struct sg_ledger_contamination_row rows[] = {{4, {0.25, 1}, "exact", {"", ""}, {"a", "b"}},
                                                       {9, {-1, 0.5}, "", {"refused", ""}, {"c", "d"}},
                                                       {9, {0, 0}, "", {"", ""}, {"e", "f"}}};
    struct sg_ledger *l = open_it(in_scratch("probes"));
    OK(sg_ledger_commit(l, &err));
    sg_ledger_close(l);
    char path[400];
    snprintf(path, sizeof path, "%s/ledger.sqlite", in_scratch("probes"));
    run_sqlite(path, "DROP TABLE contaminations; DROP TABLE contamination_rows");
    l = open_it(in_scratch("probes"));
    OK(sg_ledger_contamination_plan(l, "p", 0, "{}", &err));
    OK(sg_ledger_contamination_put(l, "p", rows, 2, &err));
    assert_int_equal(sg_ledger_contamination_put(l, "p", rows, 3, &err), SG_FAILED); /* row 9 twice */
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM contamination_rows WHERE guided IS NOT NULL"), 2);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM contamination_rows WHERE general IS NULL AND "
                                      "general_outcome='refused' AND guided_completion='d' AND guided=0.5"),
                     1);
    assert_int_equal(sg_ledger_contamination_put(l, "never planned", rows, 2, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "never planned"));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM contamination_rows"), 2);
    OK(sg_ledger_cells_retire(l, &err));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM contaminations WHERE ordinal>=0"), 0);
    OK(sg_ledger_contamination_plan(l, "p", 7, "{\"new\":1}", &err));
    assert_int_equal(
        ledger_number(l, "SELECT count(*) FROM contaminations WHERE ordinal=7 AND status='complete'"), 1);
    OK(sg_ledger_commit(l, &err));
    sg_ledger_close(l);
}

/* Evaluations and bias: planned again they keep what they came to, retired ones stay but do not show, and a half-written one is not
 * there; a ledger from before these tables gets them. */
static void evaluations_and_text_stats(void **state)
{
    (void)state;
    const struct sg_ledger_evaluation_row rows[] = {
        {4, 1, 1, "", "k1"}, {9, 0, -1, "refused", "k2"}, {9, 0, 0, "", "k3"}};
    char *text = NULL;
    struct sg_ledger *l = open_it(in_scratch("evals"));
    OK(sg_ledger_commit(l, &err));
    sg_ledger_close(l);
    char path[400];
    snprintf(path, sizeof path, "%s/ledger.sqlite", in_scratch("evals"));
    run_sqlite(path, "DROP TABLE evaluations; DROP TABLE evaluation_rows; DROP TABLE bias");
    l = open_it(in_scratch("evals"));
    OK(sg_ledger_evaluation_plan(l, "e", 0, "{}", &err));
    OK(sg_ledger_evaluation_put(l, "e", rows, 2, &err));
    assert_int_equal(sg_ledger_evaluation_put(l, "e", rows, 3, &err), SG_FAILED); /* row 9 twice */
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM evaluation_rows"), 2);
    assert_int_equal(sg_ledger_evaluation_put(l, "never planned", rows, 2, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "never planned"));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM evaluation_rows"), 2);
    OK(sg_ledger_text_stats_put(l, "b", 3, "{}", &err));
    OK(sg_ledger_cells_retire(l, &err));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM evaluations WHERE ordinal>=0"), 0);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM bias WHERE ordinal>=0"), 0);
    OK(sg_ledger_evaluation_plan(l, "e", 7, "{\"new\":1}", &err));
    assert_int_equal(
        ledger_number(l, "SELECT count(*) FROM evaluations WHERE ordinal=7 AND status='complete'"), 1);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM evaluation_rows WHERE evaluation='e'"), 2);
    OK(sg_ledger_text_stats_get(l, "b", &text, &err));
    assert_string_equal(text, "{}");
    sg_free(text);
    OK(sg_ledger_text_stats_get(l, "none", &text, &err));
    assert_null(text);
    OK(sg_ledger_commit(l, &err));
    sg_ledger_close(l);
}

static void foreign_and_damaged_files(void **state)
{
    (void)state;
    struct sg_ledger *l = NULL;
    REFUSED(sg_ledger_open(in_scratch("nothing"), SG_LEDGER_READ, &l, &err), "no ledger");

    OK(sg_mkdirs(in_scratch("foreign"), &err));
    run_sqlite(in_scratch("foreign/ledger.sqlite"), "CREATE TABLE t(x)");
    REFUSED(sg_ledger_open(in_scratch("foreign"), SG_LEDGER_WRITE, &l, &err), "no synthgrid ledger");
    REFUSED(sg_ledger_open(in_scratch("foreign"), SG_LEDGER_READ, &l, &err), "no synthgrid ledger");
    assert_false(sg_dir_exists(in_scratch("foreign/lock")));

    OK(sg_mkdirs(in_scratch("text"), &err));
    write_file(in_scratch("text/ledger.sqlite"), "this is certainly no database, whatever its name says ...",
               57);
    REFUSED(sg_ledger_open(in_scratch("text"), SG_LEDGER_WRITE, &l, &err), "damaged");
    REFUSED(sg_ledger_open(in_scratch("text"), SG_LEDGER_READ, &l, &err), "damaged");

    sg_ledger_close(open_it(in_scratch("newer")));
    run_sqlite(in_scratch("newer/ledger.sqlite"), "UPDATE meta SET value='3' WHERE name='version'");
    REFUSED(sg_ledger_open(in_scratch("newer"), SG_LEDGER_WRITE, &l, &err), "newer synthgrid");
    REFUSED(sg_ledger_open(in_scratch("newer"), SG_LEDGER_READ, &l, &err), "newer synthgrid");
    run_sqlite(in_scratch("newer/ledger.sqlite"), "DELETE FROM meta");
    REFUSED(sg_ledger_open(in_scratch("newer"), SG_LEDGER_WRITE, &l, &err), "damaged");

    /* A page overwritten, a file cut off. */
    struct sg_ledger *whole = open_it(in_scratch("torn"));
    for (int i = 0; i < 2000; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %d", i);
        struct sg_ledger_completion c = completion(key, 0, "some text that fills the pages of the file");
        OK(sg_ledger_completion_put(whole, &c, &err));
    }
    OK(sg_ledger_commit(whole, &err));
    sg_ledger_close(whole);
    char *bytes = NULL;
    size_t n = 0;
    OK(sg_file_read(in_scratch("torn/ledger.sqlite"), 1 << 26, &bytes, &n, &err));
    assert_true(n > 200000);
    write_file(in_scratch("torn/ledger.sqlite"), bytes, n / 2);
    REFUSED(sg_ledger_open(in_scratch("torn"), SG_LEDGER_WRITE, &l, &err), "damaged");
    memset(bytes + n / 2, 0xa5, 16384);
    write_file(in_scratch("torn/ledger.sqlite"), bytes, n);
    REFUSED(sg_ledger_open(in_scratch("torn"), SG_LEDGER_WRITE, &l, &err), "damaged");
    sg_free(bytes);

    /* An empty file, as a crash right at the start leaves it, is nobody's yet. */
    OK(sg_mkdirs(in_scratch("empty"), &err));
    write_file(in_scratch("empty/ledger.sqlite"), "", 0);
    REFUSED(sg_ledger_open(in_scratch("empty"), SG_LEDGER_READ, &l, &err), "empty");
    sg_ledger_close(open_it(in_scratch("empty")));
    assert_null(l);
}

/* A full disk, by the limit on a file's size: a failed write is told, nothing half is committed, and what was
 * committed stays. */
static void a_full_disk(void **state)
{
    (void)state;
    const char *dir = in_scratch("full");
    struct sg_ledger *l = open_it(dir);
    struct sg_ledger_completion c = completion("before", 0, "text");
    OK(sg_ledger_completion_put(l, &c, &err));
    OK(sg_ledger_commit(l, &err));
    struct rlimit old, small;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){.rlim_cur = 300000, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    sg_status status = SG_OK;
    char key[32], text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (int i = 0; i < 5000 && status == SG_OK; i++) {
        snprintf(key, sizeof key, "during %d", i);
        c = completion(key, 0, text);
        status = sg_ledger_completion_put(l, &c, &err);
    }
    if (status == SG_OK)
        status = sg_ledger_commit(l, &err);
    assert_int_equal(status, SG_FULL);
    setrlimit(RLIMIT_FSIZE, &old);
    sg_ledger_close(l);
    l = open_it(dir);
    assert_true(has(l, "before"));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM completions"), 1);
    sg_ledger_close(l);
}

static void a_reader_writes_nothing(void **state)
{
    (void)state;
    sg_ledger_close(open_it(in_scratch("reader")));
    struct sg_ledger *l = NULL, *second = NULL;
    OK(sg_ledger_open(in_scratch("reader"), SG_LEDGER_READ, &l, &err));
    OK(sg_ledger_open(in_scratch("reader"), SG_LEDGER_READ, &second, &err));
    assert_int_equal(sg_ledger_meta_set(l, "a", "b", &err), SG_FAILED);
    assert_false(sg_dir_exists(in_scratch("reader/lock")));
    sg_ledger_close(second);
    sg_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crash_keeps_the_committed),
        cmocka_unit_test(close_commits_nothing),
        cmocka_unit_test(first_valid_record_wins),
        cmocka_unit_test(each_completion_by_key),
        cmocka_unit_test(imported_is_not_paid),
        cmocka_unit_test(unsettled_requests),
        cmocka_unit_test(attempts),
        cmocka_unit_test(version_1_becomes_2),
        cmocka_unit_test(a_migration_that_fails),
        cmocka_unit_test(cells_and_pools),
        cmocka_unit_test(a_held_lease_refuses),
        cmocka_unit_test(another_program_has_it_open),
        cmocka_unit_test(whose_lease_may_be_taken),
        cmocka_unit_test(foreign_and_damaged_files),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(a_reader_writes_nothing),
        cmocka_unit_test(contamination_probes),
        cmocka_unit_test(evaluations_and_text_stats),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
