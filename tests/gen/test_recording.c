#include "fixture.h"

#include "base/buf.h"
#include "base/file.h"
#include "gen/llm/recording.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/sg-recording-XXXXXX";

static struct sg_request request(int i)
{
    struct sg_request q = {.canonical = sg_strf("{\"index\":%d,\"messages\":[]}", i)};
    sg_sha256_hex(q.canonical, strlen(q.canonical), q.key);
    return q;
}

struct seen {
    int n;
};

static sg_status each(void *context, const struct sg_request *q, const struct sg_answer *a,
                      struct sg_err *err)
{
    (void)err;
    struct seen *s = context;
    struct sg_request expected = request(s->n);
    assert_string_equal(q->canonical, expected.canonical);
    assert_string_equal(a->key, expected.key);
    char text[20];
    snprintf(text, sizeof text, "text %d", s->n++);
    assert_string_equal(a->text, text);
    sg_free(expected.canonical);
    return SG_OK;
}

static void write_some(const char *path, int n)
{
    struct sg_recording_writer *w = NULL;
    struct sg_err err;
    assert_int_equal(sg_recording_create(path, &w, &err), SG_OK);
    for (int i = 0; i < n; i++) {
        struct sg_request q = request(i);
        struct sg_answer a = {.cost_usd = -1, .text = sg_strf("text %d", i)};
        memcpy(a.key, q.key, SG_HEX);
        assert_int_equal(sg_recording_add(w, &q, &a, &err), SG_OK);
        sg_answer_free(&a);
        sg_free(q.canonical);
    }
    assert_int_equal(sg_recording_finish(w, &err), SG_OK);
}

static void there_and_back(void **state)
{
    (void)state;
    static const char *const names[] = {"a.jsonl", "a.jsonl.gz"};
    for (int i = 0; i < 2; i++) {
        char *path = sg_path_join(dir, names[i]);
        write_some(path, 50);
        struct seen s = {0};
        struct sg_err err;
        assert_int_equal(sg_recording_read(path, each, &s, &err), SG_OK);
        assert_int_equal(s.n, 50);
        char *bytes;
        assert_int_equal(sg_file_read(path, 1 << 20, &bytes, NULL, &err), SG_OK);
        assert_int_equal((unsigned char)bytes[0] == 0x1f, i); /* gzip by its name alone */
        sg_free(bytes);
        sg_free(path);
    }
}

/* A line whose answer does not belong to its request, or half a line, is named. */
static void damaged(void **state)
{
    (void)state;
    char *path = sg_path_join(dir, "b.jsonl"), *text;
    size_t n;
    struct sg_err err = {0};
    write_some(path, 3);
    assert_int_equal(sg_file_read(path, 1 << 20, &text, &n, &err), SG_OK);
    char *second = strchr(text, '\n') + 1, *index = strstr(second, "index");
    struct seen s = {0};
    index[9] = index[9] == '7' ? '8' : '7';
    assert_int_equal(sg_file_write(path, text, n, &err), SG_OK);
    assert_int_equal(sg_recording_read(path, each, &s, &err), SG_INPUT);
    assert_int_equal(s.n, 1);
    assert_non_null(strstr(err.text, "b.jsonl:2"));
    s.n = 0;
    assert_int_equal(sg_file_write(path, text, (size_t)(second - text) + 20, &err), SG_OK);
    assert_int_equal(sg_recording_read(path, each, &s, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "b.jsonl:2"));
    sg_free(text);
    sg_free(path);
}

static void thrown_away(void **state)
{
    (void)state;
    char *path = sg_path_join(dir, "c.jsonl");
    struct sg_recording_writer *w = NULL;
    struct sg_err err;
    assert_int_equal(sg_recording_create(path, &w, &err), SG_OK);
    assert_int_equal(sg_recording_finish(w, NULL), SG_OK);
    assert_false(sg_file_exists(path));
    struct seen s = {0};
    assert_int_equal(sg_recording_read(path, each, &s, &err), SG_INPUT);
    assert_int_not_equal(sg_recording_create("/nowhere/at/all.jsonl", &w, &err), SG_OK);
    sg_free(path);
}

/* ---- sealed recordings ---- */

static char sealed[64];

struct content {
    int n_parts, n_completions;
};

static sg_status count_part(void *context, const char *part, const json_t *object, struct sg_err *err)
{
    struct content *c = context;
    c->n_parts += strcmp(part, "note") == 0;
    return json_object_get(object, "bad") ? sg_fail(err, SG_INPUT, "a bad part") : SG_OK;
}

static sg_status count_completion(void *context, const struct sg_request *q, const struct sg_answer *a,
                                  struct sg_err *err)
{
    (void)q, (void)a, (void)err;
    ((struct content *)context)->n_completions++;
    return SG_OK;
}

static sg_status read_sealed(struct content *c, char digest[SG_HEX], struct sg_err *err)
{
    *c = (struct content){0};
    return sg_sealed_read(sealed, &(struct sg_sealed_reader){count_part, count_completion, c}, digest, err);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct sg_request *)a)->key, ((const struct sg_request *)b)->key);
}

/* A header, n_parts parts, n completions (the last one `twice` times), the seals. */
static void write_sealed(int n_parts, int n, int twice, char digest[SG_HEX])
{
    struct sg_recording_writer *w = NULL;
    struct sg_err err;
    struct sg_request *q = sg_alloc((size_t)n + 1, sizeof *q);
    for (int i = 0; i < n; i++)
        q[i] = request(i);
    qsort(q, (size_t)n, sizeof *q, by_key);
    assert_int_equal(sg_sealed_create(sealed, &w, &err), SG_OK);
    for (int i = 0; i < n_parts; i++)
        assert_int_equal(sg_sealed_put(w, json_pack("{s:s, s:i}", "part", "note", "i", i), &err), SG_OK);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < (i == n - 1 ? twice : 1); k++) {
            struct sg_answer a = {.cost_usd = -1, .text = sg_strf("text %d", i)};
            memcpy(a.key, q[i].key, SG_HEX);
            assert_int_equal(sg_recording_add(w, &q[i], &a, &err), SG_OK);
            sg_answer_free(&a);
        }
    for (int i = 0; i < n; i++)
        sg_free(q[i].canonical);
    sg_free(q);
    assert_int_equal(sg_sealed_finish(w, digest, &err), SG_OK);
}

/* Any number of lines, so that a seal falls on every place; the same content is the same digest; and it is a recording. */
static void sealed_there_and_back(void **state)
{
    (void)state;
    static const int sizes[][2] = {{0, 0}, {1, 1}, {3, 50}, {499, 500}, {500, 500}, {500, 499}, {10, 2500}};
    char before[SG_HEX] = "";
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char made[SG_HEX], again[SG_HEX], found[SG_HEX];
        struct content c, plain = {0};
        struct sg_err err = {0};
        write_sealed(sizes[i][0], sizes[i][1], 1, made);
        assert_int_equal(read_sealed(&c, found, &err), SG_OK);
        assert_string_equal(found, made);
        assert_string_not_equal(found, before);
        assert_int_equal(c.n_parts, sizes[i][0]);
        assert_int_equal(c.n_completions, sizes[i][1]);
        write_sealed(sizes[i][0], sizes[i][1], 1, again);
        assert_string_equal(again, made);
        memcpy(before, made, SG_HEX);
        assert_int_equal(sg_recording_read(sealed, count_completion, &plain, &err), SG_OK);
        assert_int_equal(plain.n_completions, sizes[i][1]);
    }
}

/* The lines of a sealed recording, to be changed. */
struct text {
    int n;
    char *line[3000];
};

static void load(struct text *t)
{
    char *text, *next;
    struct sg_err err;
    assert_int_equal(sg_file_read_gz(sealed, 1 << 24, &text, NULL, &err), SG_OK);
    t->n = 0;
    for (char *p = text; *p; p = next + 1) {
        next = strchr(p, '\n');
        t->line[t->n++] = sg_strndup(p, (size_t)(next - p));
    }
    sg_free(text);
}

static void replace(struct text *t, int i, const char *text)
{
    sg_free(t->line[i]);
    t->line[i] = sg_strdup(text);
}

static void cut(struct text *t, int i)
{
    sg_free(t->line[i]);
    memmove(t->line + i, t->line + i + 1, (size_t)(--t->n - i) * sizeof t->line[0]);
}

static void repeat(struct text *t, int i)
{
    memmove(t->line + i + 1, t->line + i, (size_t)(t->n++ - i) * sizeof t->line[0]);
    t->line[i + 1] = sg_strdup(t->line[i]);
}

static void change(struct text *t, int i, const char *from, const char *to)
{
    char *at = strstr(t->line[i], from);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
}

static void swap(struct text *t, int i, int k)
{
    char *x = t->line[i];
    t->line[i] = t->line[k];
    t->line[k] = x;
}

static void edit_text(struct text *t)
{
    change(t, 1200, "\"text\":\"text", "\"text\":\"tEXT");
}
static void edit_early(struct text *t)
{
    change(t, 1, "\"i\":0", "\"i\":5");
}
static void edit_request(struct text *t)
{
    change(t, 1200, "messages", "massages");
}
static void lose_part(struct text *t)
{
    cut(t, 3);
}
static void lose_completion(struct text *t)
{
    cut(t, 1200);
}
static void twice_completion(struct text *t)
{
    repeat(t, 1200);
}
static void twice_part(struct text *t)
{
    repeat(t, 2);
}
static void swap_parts(struct text *t)
{
    swap(t, 1, 2);
}
static void swap_completions(struct text *t)
{
    swap(t, 1200, 1201);
}
static void lose_seal(struct text *t)
{
    cut(t, 1000);
}
static void lose_block(struct text *t)
{
    for (int i = 0; i < 1001; i++)
        cut(t, 1001);
}
static void lose_end(struct text *t)
{
    cut(t, t->n - 1);
}
static void end_early(struct text *t)
{
    change(t, 1000, "\"end\":false", "\"end\":true ");
    while (t->n > 1001)
        cut(t, t->n - 1);
}
static void more_behind(struct text *t)
{
    repeat(t, t->n - 1);
}
static void empty_line(struct text *t)
{
    repeat(t, 5);
    replace(t, 5, "");
}
static void half_line(struct text *t)
{
    t->line[7][strlen(t->line[7]) - 3] = 0;
}
static void no_object(struct text *t)
{
    replace(t, 4, "[1,2]");
}
static void part_number(struct text *t)
{
    replace(t, 4, "{\"part\":7}");
}
static void bad_part(struct text *t)
{
    replace(t, 4, "{\"part\":\"note\",\"bad\":1}");
}
static void many_values(struct text *t)
{
    char *text = sg_alloc(30000, 1);
    memset(text, '[', 29999);
    replace(t, 4, text);
    sg_free(text);
}
static void twice_a_field(struct text *t)
{
    replace(t, 4, "{\"part\":\"note\",\"part\":\"seal\"}");
}
static void seal_wrong(struct text *t)
{
    replace(t, 1000, "{\"part\":\"seal\",\"end\":0,\"first\":1,\"sha256\":\"\"}");
}
static void seal_of_nothing(struct text *t)
{
    repeat(t, 1000);
}
static void no_header(struct text *t)
{
    cut(t, 0);
}
static void other_format(struct text *t)
{
    replace(t, 0, "{\"part\":\"header\",\"format\":\"x\",\"version\":1}");
}
static void newer(struct text *t)
{
    replace(t, 0, "{\"part\":\"header\",\"format\":\"synthgrid bundle\",\"version\":2}");
}
static void nothing(struct text *t)
{
    while (t->n)
        cut(t, 0);
}

/* Each change is found, and told where. */
static void sealed_changed(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct text *t);
        const char *what;
    } cases[] = {
        {edit_text, "f.bundle:2002: lines 1002 to 2001 are not as they were sealed"},
        {edit_early, "f.bundle:1001: lines 1 to 1000 are not"},
        {edit_request,
         "f.bundle:1201: its key is not the hash of its request: lines 1002 to 2001 are not as they "
         "were sealed; hint: the file was changed or damaged"},
        {lose_part, "f.bundle:1000: lines 1 to 999 are not"},
        {lose_completion, "f.bundle:2001: lines 1002 to 2000 are not"},
        {twice_completion, "f.bundle:1202: a completion that comes twice"},
        {twice_part, "f.bundle:1002: lines 1 to 1001 are not"},
        {swap_parts, "f.bundle:1001: lines 1 to 1000 are not"},
        {swap_completions, "f.bundle:1202: a completion that comes twice, or not in its order"},
        {lose_seal, "f.bundle:2001: lines 1 to 2000 are not"},
        {lose_block, "lines 1002 to "},
        {lose_end, "f.bundle: cut off behind line "},
        {end_early, "f.bundle:1001: lines 1 to 1000 are not"},
        {more_behind, "a line behind the last seal"},
        {empty_line, "f.bundle:6: not JSON"},
        {half_line, "f.bundle:8: not JSON"},
        {no_object, "f.bundle:5: a line must be a JSON object {...}: lines 1 to 1000 are not"},
        {part_number, "f.bundle:5: \"part\" must be a text"},
        {bad_part, "f.bundle:5: a bad part: lines 1 to 1000 are not"},
        {many_values,
         "f.bundle:5: 29999 values in one line, which no recording has: lines 1 to 1000 are not"},
        {twice_a_field, "f.bundle:5: not JSON: duplicate"},
        {seal_wrong,
         "f.bundle:1001: a seal lacks a field, or holds one of the wrong kind: lines 1 to 2001 are not"},
        {seal_of_nothing, "f.bundle:1002: a seal of no lines"},
        {no_header, "f.bundle:1: no header"},
        {other_format, "f.bundle:1: no header"},
        {newer, "f.bundle:1: made by a newer synthgrid (bundle version 2"},
        {nothing, "f.bundle: nothing in it"},
    };
    char digest[SG_HEX];
    write_sealed(10, 2500, 1, digest);
    char *original;
    size_t n;
    struct sg_err err = {0};
    assert_int_equal(sg_file_read(sealed, 1 << 24, &original, &n, &err), SG_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text t;
        struct content c;
        assert_int_equal(sg_file_write(sealed, original, n, &err), SG_OK);
        load(&t);
        cases[i].change(&t);
        struct sg_buf b = sg_buf_make(1 << 24);
        for (int k = 0; k < t.n; k++) {
            sg_buf_printf(&b, "%s\n", t.line[k]);
            sg_free(t.line[k]);
        }
        assert_int_equal(sg_file_write(sealed, sg_buf_text(&b), b.len, &err), SG_OK);
        sg_buf_free(&b);
        assert_int_equal(read_sealed(&c, digest, &err), SG_INPUT);
        if (!strstr(err.text, cases[i].what))
            fail_msg("case %zu: \"%s\" is not in: %s", i, cases[i].what, err.text);
    }
    sg_free(original);
}

/* What carries right seals is looked at all the same. */
static void sealed_by_another(void **state)
{
    (void)state;
    char digest[SG_HEX];
    struct content c;
    struct sg_err err = {0};
    write_sealed(2, 5, 2, digest);
    assert_int_equal(read_sealed(&c, digest, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "comes twice"));
    assert_null(strstr(err.text, "were sealed"));
    write_some(sealed, 3);
    assert_int_equal(read_sealed(&c, digest, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "no header"));
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    snprintf(sealed, sizeof sealed, "%s/f.bundle", dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(damaged),
        cmocka_unit_test(thrown_away),    cmocka_unit_test(sealed_there_and_back),
        cmocka_unit_test(sealed_changed), cmocka_unit_test(sealed_by_another),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const names[] = {"a.jsonl", "a.jsonl.gz", "b.jsonl", "f.bundle"};
    for (int i = 0; i < 4; i++) {
        char *path = sg_path_join(dir, names[i]);
        unlink(path);
        sg_free(path);
    }
    rmdir(dir);
    return failed;
}
