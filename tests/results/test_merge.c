/* results/ledger/merge.c: halves make the whole, the same thing twice is once, what differs is named, inputs stay as they are. */
#include "base/file.h"
#include "results/h5/store.h"
#include "results/ledger/ledger_attempts.h"
#include "results/ledger/ledger_batches.h"
#include "results/ledger/ledger_trained.h"
#include "results/ledger/merge.h"

#include "fake_study.h"
#include "ledger_number.h"
#include "scratch.h"

#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct sg_merge_found found;

/* As in_scratch, of which eight are remembered. */
static const char *at(const char *name)
{
    static char ring[64][600];
    static int next;
    char *text = ring[next++ % 64];
    snprintf(text, sizeof ring[0], "%s", in_scratch(name));
    return text;
}

static const char *says(const json_t *list, const char *word)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strstr(json_string_value(json_array_get(list, i)), word))
            return json_string_value(json_array_get(list, i));
    return NULL;
}

static void forget(void)
{
    json_decref(found.conflicts);
    json_decref(found.remarks);
    found = (struct sg_merge_found){0};
}

static char content[SG_HEX]; /* digest of the results.h5 of the last merge */

static sg_status built(void *context, struct sg_ledger *l, const char *folder, struct sg_err *e)
{
    (void)context;
    char path[600];
    snprintf(path, sizeof path, "%s/results.h5", folder);
    return sg_store_write(l, path, content, e);
}

static struct sg_merge_options options(const char *const *input, int n, const char *out)
{
    return (struct sg_merge_options){.n = n, .input = input, .out = out, .built = built};
}

static sg_status merge(const struct sg_merge_options *o)
{
    forget();
    found = (struct sg_merge_found){.conflicts = json_array(), .remarks = json_array()};
    return sg_ledger_merge(o, &found, &err);
}

/* A ledger of the made-up study, of which the cells with that remainder (of 2) are done, and the pools; -1: all. */
static struct sg_ledger *fill(const char *name, const struct fake *f, int part)
{
    struct sg_ledger *l = NULL;
    struct fake planned = *f;
    planned.all_planned |= part >= 0;
    OK(sg_ledger_open(at(name), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &planned, &err));
    for (int i = 0; part >= 0 && i < FAKE_CELLS; i++)
        if (i % 2 == part)
            OK(fake_cell(l, f, i, &err));
    if (part >= 0)
        OK(fake_pool(l, f, part, &err));
    if (part == 0 && f->evaluated) {
        struct fake whole = *f;
        whole.all_planned = 0;
        OK(fake_evaluations(l, &whole, &err));
        OK(fake_probes(l, &whole, &err));
    }
    OK(sg_ledger_commit(l, &err));
    return l;
}

static void make(const char *name, const struct fake *f, int part)
{
    sg_ledger_close(fill(name, f, part));
}

/* Without the seconds that fsync takes for each new ledger. */
static void make_copy(const char *from, const char *name)
{
    char *bytes = NULL, path[700];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/ledger.sqlite", at(from));
    OK(sg_file_read(path, 1 << 26, &bytes, &n, &err));
    OK(sg_mkdirs(at(name), &err));
    snprintf(path, sizeof path, "%s/ledger.sqlite", at(name));
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    sg_free(bytes);
}

static struct sg_ledger *open_result(const char *name)
{
    struct sg_ledger *l = NULL;
    OK(sg_ledger_open(at(name), SG_LEDGER_READ, &l, &err));
    return l;
}

static void digest_of(const char *name, char hex[SG_HEX])
{
    struct sg_ledger *l = open_result(name);
    OK(sg_store_write(l, at("whole.h5"), hex, &err));
    sg_ledger_close(l);
}

/* All that a folder's files are. */
static void state_of(const char *name, char hex[SG_HEX])
{
    static const char *const file[] = {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm",
                                       "lock/holder"};
    char text[4 * SG_HEX + 200] = "";
    for (int i = 0; i < 4; i++) {
        char path[600], *bytes = NULL;
        struct stat st;
        size_t n = 0;
        snprintf(path, sizeof path, "%s/%s", at(name), file[i]);
        if (stat(path, &st) != 0)
            continue;
        OK(sg_file_read(path, 1 << 26, &bytes, &n, &err));
        sg_sha256_hex(bytes, n, text + strlen(text));
        snprintf(text + strlen(text), 60, "%d%lld.%ld", i, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        sg_free(bytes);
    }
    sg_sha256_hex(text, strlen(text), hex);
}

static void halves_make_the_whole(void **state)
{
    (void)state;
    char whole[SG_HEX], before[2][SG_HEX], after[2][SG_HEX];
    const struct fake f = {.evaluated = 1, .probed = 1, .n_sets = 2},
                      far = {.evaluated = 1, .probed = 1, .n_sets = 2, .other_machine = 1};
    make("w", &f, -1);
    digest_of("w", whole);
    make("a", &f, 0);
    make("b", &far, 1);
    state_of("a", before[0]);
    state_of("b", before[1]);
    const char *in[] = {at("a"), at("b")};
    struct sg_merge_options o = options(in, 2, at("c"));
    OK(merge(&o));
    assert_int_equal(json_array_size(found.conflicts), 0);
    assert_true(found.is_same_plan);
    assert_string_equal(content, whole);
    state_of("a", after[0]);
    state_of("b", after[1]);
    assert_string_equal(before[0], after[0]);
    assert_string_equal(before[1], after[1]);
    assert_false(sg_file_exists(at("c.merging")) || sg_dir_exists(at("c.merging")));
    assert_false(sg_file_exists(at("c/merging")) || sg_dir_exists(at("c/input")));
    /* The second pool first: the plan is the same, and so it stands where it stood. */
    const char *turned[] = {at("b"), at("a")};
    o = options(turned, 2, at("ba"));
    OK(merge(&o));
    assert_string_equal(content, whole);
    struct sg_ledger *l = open_result("ba");
    assert_int_equal(
        ledger_number(
            l, "SELECT count(*) FROM pools WHERE (id='pool0' AND ordinal=0) OR (id='pool1' AND ordinal=1)"),
        2);
    sg_ledger_close(l);
    /* Again, with itself among the inputs, by the ledger's name, and in the other order: nothing is there twice. */
    const char *all[] = {at("b/ledger.sqlite"), at("c"), at("a"), at("w")};
    o = options(all, 4, at("d"));
    OK(merge(&o));
    assert_int_equal(json_array_size(found.conflicts), 0);
    assert_string_equal(content, whole);
    l = open_result("d");
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM cells"), FAKE_CELLS);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM completions"), 12 + 40);
    sg_ledger_close(l);
}

/* A table that is added to the ledger needs its rule in merge_tables.c, and stands here then. */
static void every_table_has_its_rule(void **state)
{
    (void)state;
    struct sg_ledger *l = fill("tables", &(struct fake){.all_planned = 1}, -1);
    assert_int_equal(
        ledger_number(
            l,
            "SELECT count(*) FROM sqlite_master WHERE type='table' AND name NOT IN ('meta', 'completions', "
            "'pools', 'examples', 'pool_completions', 'cells', 'predictions', 'curves', 'test_rows', "
            "'test_set_rows', 'set_predictions', 'diversity', 'bias', 'evaluations', 'evaluation_rows', "
            "'contaminations', 'contamination_rows', 'attempts', 'batches', 'batch_requests', 'waiting', "
            "'sqlite_sequence')"),
        0);
    sg_ledger_close(l);
}

static void what_differs_is_named(void **state)
{
    (void)state;
    char first[SG_HEX], second[SG_HEX];
    make("e", &(struct fake){.evaluated = 1, .probed = 1}, -1);
    make("f", &(struct fake){.evaluated = 1, .probed = 1, .other_loss = 1}, -1);
    struct sg_ledger *l = fill("g", &(struct fake){.evaluated = 1, .probed = 1}, -1);
    /* Other weights, another answer with the example that came of it, another verdict. */
    OK(sqlite3_exec(
           sg_ledger_handle(l),
           "UPDATE cells SET result=json_set(result, '$.weights_sha256', 'v3', '$.rounding', 'plain') WHERE "
           "id='cell3'; UPDATE completions SET text='other' WHERE key='p0k1'; UPDATE examples SET "
           "first='other' WHERE pool='pool0' AND position=1; UPDATE evaluation_rows SET predicted=1 WHERE "
           "row=0; UPDATE contamination_rows SET guided=0.5, guided_outcome='x' WHERE contamination='probe0' "
           "AND row=(SELECT min(row) FROM contamination_rows)",
           NULL, NULL, NULL) == SQLITE_OK
           ? SG_OK
           : SG_FAILED);
    sg_ledger_close(l);
    digest_of("e", first);
    digest_of("f", second);
    const char *in[] = {at("e"), at("f"), at("g")};
    struct sg_merge_options o = options(in, 3, at("h"));
    assert_int_equal(merge(&o), SG_FAILED);
    assert_non_null(strstr(err.text, "6 conflicts"));
    assert_non_null(says(found.conflicts, "contamination probe probe0: its rows in "));
    assert_non_null(says(found.conflicts, "cell cell0: its losses in "));
    assert_non_null(
        says(found.conflicts, "cell cell3: its weights are w3... in an earlier input and v3... in "));
    assert_non_null(strstr(says(found.conflicts, "cell cell3"),
                           "; their processors round products otherwise; nothing is taken"));
    assert_non_null(says(found.conflicts, "completion p0k1: "));
    assert_non_null(says(found.conflicts, "pool pool0: example 1, and perhaps others, differ in "));
    assert_non_null(says(found.conflicts, "evaluation eval0: "));
    assert_false(sg_dir_exists(at("h")) || sg_dir_exists(at("h.merging")));
    o.first_wins = 1;
    OK(merge(&o));
    assert_non_null(strstr(says(found.conflicts, "cell cell0"), "; that of "));
    assert_int_equal(json_array_size(found.conflicts), 6);
    assert_string_equal(content, first);
    const char *turned[] = {in[1], in[0]};
    o = options(turned, 2, at("i"));
    o.first_wins = 1;
    OK(merge(&o));
    assert_string_equal(content, second);
}

/* Where a pool's examples lost, what was trained on them is to be trained again. */
static void cells_of_examples_that_lost_are_planned_again(void **state)
{
    (void)state;
    char hex[SG_HEX], sql[400];
    for (int i = 0; i < 2; i++) {
        struct sg_ledger *l = fill(i ? "k" : "j", &(struct fake){0}, i ? 1 : 0);
        if (i) {
            OK(fake_pool(l, &(struct fake){.evil = "other"}, 0,
                         &err)); /* cell3 has seen these, cell2 the others */
            OK(sg_ledger_cell_status(l, "cell3", hex, &err));
            assert_string_equal(hex, "done");
        }
        OK(sg_ledger_commit(l, &err));
        snprintf(sql, sizeof sql,
                 "UPDATE cells SET result=json_set(result, '$.n_synthetic', 3, '$.examples_sha256', '%s') "
                 "WHERE id='%s'",
                 i ? "of the others" : "", i ? "cell3" : "cell2");
        assert_int_equal(sqlite3_exec(sg_ledger_handle(l), sql, NULL, NULL, NULL), SQLITE_OK);
        sg_ledger_close(l);
    }
    const char *in[] = {at("j"), at("k")};
    struct sg_merge_options o = options(in, 2, at("jk"));
    o.first_wins = 1;
    OK(merge(&o));
    assert_non_null(says(found.conflicts, "pool pool0"));
    assert_non_null(says(found.remarks, "cell cell3 was trained on examples that were not taken"));
    struct sg_ledger *l = open_result("jk");
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM cells WHERE id='cell3' AND status='planned'"), 1);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM cells WHERE id='cell2' AND status='done'"), 1);
    sg_ledger_close(l);
}

/* A verified cell has fewer synthetic examples than the digest of its prefix is of; none at all, too. */
static void verified_cells_are_known_by_all_of_their_prefix(void **state)
{
    (void)state;
    for (int n_kept = 0; n_kept < 3; n_kept++) {
        char name[3][40], digest[SG_HEX], sql[400];
        for (int i = 0; i < 3; i++)
            snprintf(name[i], sizeof name[i], "view%d%d", n_kept, i);
        for (int i = 0; i < 2; i++) {
            struct sg_ledger *l = fill(name[i], &(struct fake){0}, i);
            if (i)
                OK(fake_pool(l, &(struct fake){.evil = "other"}, 0, &err));
            OK(sg_ledger_commit(l, &err));
            OK(sg_ledger_examples_digest(l, "pool0", 3, digest, &err));
            assert_int_equal(strlen(digest), SG_HEX - 1);
            snprintf(sql, sizeof sql,
                     "UPDATE cells SET result=json_set(result, '$.n_synthetic', %d, '$.view', "
                     "json('{\"n_removed\":%d}'), '$.examples_sha256', '%s') WHERE id='%s'",
                     n_kept, 3 - n_kept, digest, i ? "cell3" : "cell2");
            assert_int_equal(sqlite3_exec(sg_ledger_handle(l), sql, NULL, NULL, NULL), SQLITE_OK);
            sg_ledger_close(l);
        }
        const char *in[] = {at(name[0]), at(name[1])};
        struct sg_merge_options o = options(in, 2, at(name[2]));
        o.first_wins = 1;
        OK(merge(&o));
        assert_null(says(found.remarks, "cell cell2"));
        assert_non_null(says(found.remarks, "cell cell3 was trained on examples that were not taken"));
        struct sg_ledger *l = open_result(name[2]);
        assert_int_equal(ledger_number(l, "SELECT count(*) FROM cells WHERE id='cell2' AND status='done'"),
                         1);
        assert_int_equal(ledger_number(l, "SELECT count(*) FROM cells WHERE id='cell3' AND status='planned'"),
                         1);
        sg_ledger_close(l);
    }
}

static void put_bought(struct sg_ledger *l, const char *key, const char *text, double usd, int has_attempt)
{
    int64_t id;
    struct sg_ledger_completion c = {
        .key = key, .request = "{}", .text = text, .cost_usd = usd, .source = "live x"};
    OK(sg_ledger_completion_put(l, &c, &err));
    struct sg_ledger_attempt a = {.key = key,
                                  .number = 1,
                                  .origin = "x",
                                  .worst_usd = 1,
                                  .settled = 1,
                                  .kind = "answered",
                                  .outcome = "answered",
                                  .http_status = 200,
                                  .cost_usd = usd,
                                  .latency_s = usd};
    if (has_attempt)
        OK(sg_ledger_attempt_put(l, &a, &id, &err));
}

/* What both have paid for counts twice; what came with a copy of the same ledger does not. */
static void no_money_is_lost(void **state)
{
    (void)state;
    struct sg_ledger *l[2] = {NULL}, *c = NULL;
    static const char *const name[] = {"m0", "m1"};
    for (int i = 0; i < 2; i++) {
        l[i] = fill(name[i], &(struct fake){.all_planned = 1}, -1);
        put_bought(l[i], "both", "same", 0.25 + i, 1);
        put_bought(l[i], "batch", "same", 0.125 + i, 0);
        put_bought(l[i], i ? "one" : "zero", "alone", 2, 1);
        OK(sg_ledger_commit(l[i], &err));
        assert_int_equal(
            sqlite3_exec(sg_ledger_handle(l[i]),
                         "UPDATE completions SET created='then'; UPDATE attempts SET created='then'", NULL,
                         NULL, NULL),
            SQLITE_OK);
        sg_ledger_close(l[i]);
    }
    const char *in[] = {at("m0"), at("m1")};
    struct sg_merge_options o = options(in, 2, at("m"));
    OK(merge(&o));
    assert_non_null(says(found.remarks, "2 completions were bought there and elsewhere"));
    for (int again = 0; again < 2; again++) {
        struct sg_ledger_totals t;
        struct sg_ledger_unsettled u;
        OK(sg_ledger_open(at(again ? "mm" : "m"), SG_LEDGER_WRITE, &c, &err));
        OK(sg_ledger_totals(c, &t, &err));
        OK(sg_ledger_unsettled(c, &u, &err));
        assert_int_equal(t.n_completions, 4);
        assert_true(fabs(t.paid_usd - (0.25 + 0.125 + 4)) < 1e-12);
        if (fabs(u.usd - (1.25 + 1.125)) > 1e-12)
            fail_msg("%.9g", u.usd);
        assert_int_equal(u.n, 2);
        assert_int_equal(ledger_number(c, "SELECT count(*) FROM attempts"), 5);
        assert_int_equal(ledger_number(c, "SELECT count(*) FROM sqlite_master WHERE name='attempts_key'"), 0);
        sg_ledger_close(c);
        const char *more[] = {at("m"), at("m1"), at("m0")};
        o = options(more, 3, at("mm"));
        if (!again)
            OK(merge(&o));
    }
}

/* A failure gives way to an answer, what was imported to what was bought. */
static void the_better_record_is_taken(void **state)
{
    (void)state;
    struct sg_ledger *a = fill("n0", &(struct fake){.all_planned = 1}, -1),
                     *b = fill("n1", &(struct fake){.all_planned = 1}, -1);
    struct sg_ledger_completion
        failed = {.key = "k", .request = "{}", .status = 1, .reason = "503", .cost_usd = -1},
        imported = {.key = "i", .request = "{}", .text = "t", .cost_usd = 1, .source = "cache file"};
    OK(sg_ledger_completion_put(a, &failed, &err));
    OK(sg_ledger_completion_put(a, &imported, &err));
    put_bought(b, "k", "answer", 0.5, 1);
    put_bought(b, "i", "t", 0.5, 1);
    OK(sg_ledger_cell_finish(a, &(struct sg_ledger_cell){.id = "cell0", .status = "failed", .result = "{}"},
                             &err));
    OK(fake_cell(b, &(struct fake){0}, 0, &err));
    OK(sg_ledger_commit(a, &err));
    OK(sg_ledger_commit(b, &err));
    sg_ledger_close(a);
    sg_ledger_close(b);
    const char *in[] = {at("n0"), at("n1")};
    struct sg_merge_options o = options(in, 2, at("n"));
    OK(merge(&o));
    assert_int_equal(json_array_size(found.conflicts), 0);
    struct sg_ledger *c = open_result("n");
    struct sg_ledger_totals t;
    OK(sg_ledger_totals(c, &t, &err));
    assert_int_equal(t.n_failed_completions, 0);
    assert_int_equal(t.n_imported, 0);
    assert_true(fabs(t.paid_usd - 1) < 1e-12);
    assert_int_equal(ledger_number(c, "SELECT count(*) FROM cells WHERE id='cell0' AND status='done'"), 1);
    assert_int_equal(ledger_number(c, "SELECT count(*) FROM predictions WHERE cell='cell0'"), 1);
    sg_ledger_close(c);
}

static void batches_come_along(void **state)
{
    (void)state;
    static const char *const name[] = {"o0", "o1", "o2"};
    for (int i = 0; i < 3; i++) {
        struct sg_ledger *l = fill(name[i], &(struct fake){.all_planned = 1}, -1);
        struct sg_ledger_batch b = {.state = SG_BATCH_OPEN, .status = "in_progress"};
        for (int k = 0; k < 2; k++) {
            char key[16];
            OK(sg_ledger_batch_begin(l, "", &b.part, &err));
            /* Batch s0 is in the first two, settled in the second; the third one was being sent. */
            b.state = i == 1 && !k ? SG_BATCH_ABANDONED : i == 2 ? SG_BATCH_UPLOADING : SG_BATCH_OPEN;
            snprintf(b.id, sizeof b.id, "%s", i == 2 ? "" : !k ? "shared" : i ? "mine" : "yours");
            snprintf(key, sizeof key, "k%d", k ? 10 * i + k : 0);
            OK(sg_ledger_batch_ask(l, b.part, key, "{}", 0.5, &err));
            OK(sg_ledger_batch_set(l, &b, &err));
        }
        OK(sg_ledger_commit(l, &err));
        sg_ledger_close(l);
    }
    const char *in[] = {at("o0"), at("o1"), at("o2")};
    struct sg_merge_options o = options(in, 2, at("o"));
    OK(merge(&o));
    struct sg_ledger *c = open_result("o");
    assert_int_equal(ledger_number(c, "SELECT count(*) FROM batches"), 3);
    assert_int_equal(ledger_number(c, "SELECT count(*) FROM batch_requests"), 3);
    assert_int_equal(ledger_number(c, "SELECT count(*) FROM batches WHERE id='shared' AND state='abandoned'"),
                     1);
    assert_int_equal(ledger_number(c, "SELECT count(*) FROM batch_requests r JOIN batches b ON b.part=r.part "
                                      "WHERE b.id='mine' AND key='k11'"),
                     1);
    sg_ledger_close(c);
    o = options(in, 3, at("oo"));
    assert_int_equal(merge(&o), SG_INPUT);
    assert_non_null(strstr(err.text, "--collect"));
}

static void alter(const char *name, const char *sql)
{
    char path[700];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/ledger.sqlite", at(name));
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void another_study_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *says;
    } other[] = {
        {"UPDATE meta SET value='else' WHERE name='study'", "they are called fake and else"},
        {"INSERT INTO meta VALUES('settings', '{\"train\":{\"lr\":1,\"epochs\":3}}')",
         "train.epochs is 2 and 3"},
        {"INSERT INTO meta VALUES('settings', '{\"train\":{\"lr\":1,\"epochs\":2},\"filter\":{}}')",
         "filter is not set and {}"},
        {"INSERT INTO meta VALUES('settings', '{\"train\":{\"lr\":1}}')", "train.epochs is 2 and not set"},
        {"INSERT INTO meta VALUES('settings', 'x')", "are no JSON"},
        {"UPDATE meta SET value='{\"sst2\":{\"data_sha256\":\"bb\"}}' WHERE name='inputs'",
         "the task sst2: data_sha256"},
        {"INSERT INTO meta VALUES('encoder_sha256', 'e')", "encoders are (none) and e"},
        {"INSERT INTO meta VALUES('rehearsal', 'r')", "rehearsed"},
        {"UPDATE test_rows SET first='else' WHERE task='rte' AND position=3",
         "the task rte has other test rows"},
        {"DELETE FROM meta WHERE name='study'", "no study has been run there"},
    };
    make("p", &(struct fake){0}, -1);
    make_copy("p", "plain");
    alter("p", "INSERT INTO meta VALUES('settings', "
               "'{\"train\":{\"lr\":1,\"epochs\":2},\"tasks\":[\"sst2\"]}'); UPDATE meta SET "
               "value='{\"sst2\":{\"data_sha256\":\"aa\"}}' WHERE name='inputs'");
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%zu", i);
        make_copy("plain", name);
        alter(name, other[i].sql);
        if (!strstr(other[i].sql, "INTO meta VALUES('settings'"))
            alter(name, "INSERT INTO meta VALUES('settings', '{\"train\":{\"lr\":1,\"epochs\":2}}')");
        const char *in[] = {at("p"), at(name)};
        struct sg_merge_options o = options(in, 2, at("pp"));
        assert_int_equal(merge(&o), SG_INPUT);
        if (!strstr(err.text, other[i].says))
            fail_msg("not \"%s\": %s", other[i].says, err.text);
        assert_false(sg_dir_exists(at("pp")) || sg_dir_exists(at("pp.merging")));
    }
    /* Another part of the grid, and other places, are not another study; cells stand behind those of the first. */
    make("q", &(struct fake){.other_machine = 1}, 1);
    alter("q", "INSERT INTO meta VALUES('settings', "
               "'{\"train\":{\"lr\":1,\"epochs\":2,\"encoder\":\"/x\"},\"seeds\":{\"data\":2},"
               "\"generators\":{\"small\":{}}}'); UPDATE cells SET id='q' || id; UPDATE predictions SET "
               "cell='q' || cell;"
               " UPDATE meta SET value='{\"rte\":{\"data_sha256\":\"cc\"}}' WHERE name='inputs'");
    const char *in[] = {at("p"), at("q")};
    struct sg_merge_options o = options(in, 2, at("pq"));
    OK(merge(&o));
    assert_false(found.is_same_plan);
    struct sg_ledger *c = open_result("pq");
    assert_int_equal(ledger_number(c, "SELECT count(DISTINCT ordinal) FROM cells"), 2 * FAKE_CELLS);
    assert_int_equal(ledger_number(c, "SELECT max(ordinal) FROM cells"), 2 * FAKE_CELLS - 1);
    assert_int_equal(
        ledger_number(
            c, "SELECT count(*) FROM meta WHERE name='inputs' AND value='{\"rte\":{\"data_sha256\":\"cc\"},"
               "\"sst2\":{\"data_sha256\":\"aa\"}}'"),
        1);
    sg_ledger_close(c);
}

/* What only cells use that neither half has is no difference, and an empty setting is none that an older program lacks. */
static void settings_that_no_cell_uses(void **state)
{
    (void)state;
    static const char tuned[] =
        "\"classifiers\":[\"fine_tune\"],\"verify\":[\"none\"],\"weighting\":[\"none\"]",
                      probed[] = "\"classifiers\":[\"probe\"],\"verify\":[\"none\"],\"weighting\":[\"none\"]",
                      viewed[] = "\"classifiers\":[\"fine_tune\"],\"verify\":[\"none\",\"raw_classifier\"]",
                      said[] = "\"classifiers\":[\"fine_tune\"],\"verify\":[\"llm\"]";
    static const struct {
        const char *both, *mine, *theirs, *says; /* says NULL: they are of one study */
    } table[] = {
        {tuned, "\"probe\":{\"c\":1}", "\"probe\":{\"c\":null}", NULL},
        {viewed, "\"probe\":{\"c\":1}", "\"probe\":{\"c\":null}", "probe.c is 1 and auto"},
        {probed, "\"probe\":{\"c\":1}", "\"probe\":{\"c\":2}", "probe.c is 1 and 2"},
        {probed, "\"train\":{\"epochs\":1}", "\"train\":{\"epochs\":2}", NULL},
        {probed, "\"train\":{\"max_length\":1}", "\"train\":{\"max_length\":2}",
         "train.max_length is 1 and 2"},
        {tuned, "\"train\":{\"lr\":0.5}", "\"train\":{\"lr\":null}", "train.lr is 0.5 and auto"},
        {tuned, "\"train\":{\"steps\":3}", "\"train\":{\"steps\":null}", "train.steps is 3 and empty"},
        {tuned, "\"verify_generator\":null", "\"x\":null", NULL},
        {tuned, "\"verify_generator\":\"a\"", "\"verify_generator\":\"b\"", NULL},
        {said, "\"verify_generator\":\"a\"", "\"verify_generator\":\"b\"",
         "verify_generator is \"a\" and \"b\""},
        {tuned, "\"llm_eval\":{\"max_tokens\":3}", "\"llm_eval\":{\"max_tokens\":4}", NULL},
        {said, "\"llm_eval\":{\"max_tokens\":3}", "\"llm_eval\":{\"max_tokens\":4}",
         "llm_eval.max_tokens is 3 and 4"},
    };
    make("u", &(struct fake){0}, -1);
    for (int i = 0; i < (int)(sizeof table / sizeof table[0]); i++) {
        char name[2][16], sql[600], out[16];
        for (int k = 0; k < 2; k++) {
            snprintf(name[k], sizeof name[k], "u%d-%d", i, k);
            make_copy("u", name[k]);
            snprintf(sql, sizeof sql, "INSERT INTO meta VALUES('settings', '{%s,%s}')", table[i].both,
                     k ? table[i].theirs : table[i].mine);
            alter(name[k], sql);
        }
        const char *in[] = {at(name[0]), at(name[1])};
        snprintf(out, sizeof out, "u%d", i);
        struct sg_merge_options o = options(in, 2, at(out));
        assert_int_equal(merge(&o), table[i].says ? SG_INPUT : SG_OK);
        if (table[i].says && !strstr(err.text, table[i].says))
            fail_msg("not \"%s\": %s", table[i].says, err.text);
    }
}

static void a_run_keeps_its_folder(void **state)
{
    (void)state;
    make("r0", &(struct fake){0}, 0);
    struct sg_ledger *l = fill("r1", &(struct fake){0}, 1);
    const char *in[] = {at("r0"), at("r1")};
    struct sg_merge_options o = options(in, 2, at("r"));
    assert_int_equal(merge(&o), SG_INPUT);
    char pid[40];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(err.text, pid));
    assert_non_null(strstr(err.text, "--live"));
    assert_non_null(strstr(err.text, "r1: a run is at work there"));
    /* A copy of it is nobody's, wherever it lies. */
    char *bytes = NULL;
    size_t n = 0;
    OK(sg_file_read(at("r0/ledger.sqlite"), 1 << 26, &bytes, &n, &err));
    OK(sg_file_write(at("r1/copy.sqlite"), bytes, n, &err));
    sg_free(bytes);
    const char *copied[] = {at("r0"), at("r1/copy.sqlite")};
    struct sg_merge_options c_of_copy = options(copied, 2, at("rc"));
    OK(merge(&c_of_copy));
    o.takes_live = 1;
    OK(merge(&o)); /* and what is not committed is not there */
    struct sg_ledger *c = open_result("r");
    assert_int_equal(ledger_number(c, "SELECT count(*) FROM cells WHERE status='done'"), 6);
    sg_ledger_close(c);
    OK(sg_ledger_meta_set(l, "still", "ours", &err));
    OK(sg_ledger_commit(l, &err));
    sg_ledger_close(l);
}

static sg_status die(void *context, struct sg_ledger *l, const char *folder, struct sg_err *e)
{
    (void)context, (void)l, (void)folder, (void)e;
    raise(SIGKILL);
    return SG_OK;
}

static void a_kill_leaves_no_result(void **state)
{
    (void)state;
    make("s0", &(struct fake){0}, 0);
    make("s1", &(struct fake){0}, 1);
    const char *in[] = {at("s0"), at("s1")};
    struct sg_merge_options o = options(in, 2, at("s"));
    o.built = die;
    pid_t child = fork();
    int status;
    if (child == 0)
        _exit(merge(&o));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_false(sg_dir_exists(at("s")));
    assert_true(sg_dir_exists(at("s.merging")));
    assert_true(sg_dir_exists(at("s.merging/merging")));
    o.built = built;
    OK(merge(&o));
    assert_true(sg_dir_exists(at("s")));
    assert_false(sg_dir_exists(at("s/merging")));
    /* Killed as early as can be. */
    OK(sg_mkdirs(at("ss.merging"), &err));
    o.out = at("ss");
    OK(merge(&o));
    assert_false(sg_dir_exists(at("s.merging")));
}

static void what_is_there_is_not_written_over(void **state)
{
    (void)state;
    make("t0", &(struct fake){0}, 0);
    make("t1", &(struct fake){0}, 1);
    const char *in[] = {at("t0"), at("t1")};
    char out[600];
    OK(sg_mkdirs(at("t"), &err));
    snprintf(out, sizeof out, "%s/", at("t"));
    struct sg_merge_options o = options(in, 2, out);
    assert_int_equal(merge(&o), SG_INPUT);
    assert_non_null(strstr(err.text, "is there already"));
    o.out = at("t0/t");
    assert_int_equal(merge(&o), SG_INPUT);
    /* A folder of somebody else's that has the name of ours. */
    OK(sg_mkdirs(at("u.merging/theirs"), &err));
    o.out = at("u");
    assert_int_equal(merge(&o), SG_INPUT);
    assert_true(sg_dir_exists(at("u.merging/theirs")));
    const char *same[] = {in[0], at("t0/ledger.sqlite")};
    o = options(same, 2, at("v"));
    assert_int_equal(merge(&o), SG_INPUT);
    assert_non_null(strstr(err.text, "the same ledger"));
    static const char *const none[] = {"no", "text", "cut"};
    char *bytes = NULL;
    size_t n = 0;
    OK(sg_file_write(at("text"), "no ledger at all, whatever its name", 35, &err));
    OK(sg_file_read(at("t0/ledger.sqlite"), 1 << 26, &bytes, &n, &err));
    OK(sg_file_write(at("cut"), bytes, n / 2, &err));
    sg_free(bytes);
    for (int i = 0; i < 3; i++) {
        const char *bad[] = {in[0], at(none[i])};
        o = options(bad, 2, at("v"));
        assert_int_equal(merge(&o), SG_INPUT);
        if (!strstr(err.text, none[i]))
            fail_msg("not %s: %s", none[i], err.text);
        assert_false(sg_dir_exists(at("v")) || sg_dir_exists(at("v.merging")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_make_the_whole),
        cmocka_unit_test(every_table_has_its_rule),
        cmocka_unit_test(what_differs_is_named),
        cmocka_unit_test(cells_of_examples_that_lost_are_planned_again),
        cmocka_unit_test(verified_cells_are_known_by_all_of_their_prefix),
        cmocka_unit_test(no_money_is_lost),
        cmocka_unit_test(the_better_record_is_taken),
        cmocka_unit_test(batches_come_along),
        cmocka_unit_test(another_study_is_refused),
        cmocka_unit_test(settings_that_no_cell_uses),
        cmocka_unit_test(a_run_keeps_its_folder),
        cmocka_unit_test(a_kill_leaves_no_result),
        cmocka_unit_test(what_is_there_is_not_written_over),
    };
    int failed = cmocka_run_group_tests(tests, scratch_setup, NULL);
    forget();
    return failed + (scratch_teardown(NULL) != 0);
}
