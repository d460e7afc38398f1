#include "mpi/reduce.h"

#include "base/mem.h"

#include <sched.h>

/* Messages of a round that are under way: what is received is added while it lies in the cache and while the
 * next one travels, and scratch is small whatever the bucket. */
enum { PIECE = SG_REDUCE_FLOATS, F64_PIECE = SG_REDUCE_DOUBLES, DEPTH = 4 };

static sg_status check_team(const struct sg_team *team, struct sg_err *err)
{
    if (team->size < 1 || sg_pow2_floor(team->size) != team->size)
        return sg_fail(err, SG_FAILED, "an exact reduction needs 2^k ranks, not %d", team->size);
    return SG_OK;
}

/* --- the plan --- */

int sg_reduce_rounds(int size)
{
    int k = 0;
    for (int b = 1; b < size; b *= 2)
        k++;
    return k;
}

int sg_reduce_piece(int rank, int size)
{
    int piece = 0;
    for (int b = 1; b < size; b *= 2, rank /= 2)
        piece = 2 * piece + (rank & 1);
    return piece;
}

void sg_reduce_cut(int64_t n, int size, int64_t *cut)
{
    for (int i = 0; i <= size; i++)
        cut[i] = n / size * i + n % size * i / size;
}

struct sg_reduce_round sg_reduce_halving(int rank, int size, const int64_t *cut, int j)
{
    /* The pieces that are left, size / 2^j of them, begin with the own one with its low bits off. */
    int bit = 1 << j, n_left = size >> j, first = sg_reduce_piece(rank, size) / n_left * n_left;
    int64_t lo = cut[first], mid = cut[first + n_left / 2], hi = cut[first + n_left];
    struct sg_reduce_round low = {rank ^ bit, mid, hi - mid, lo, mid - lo},
                           high = {rank ^ bit, lo, mid - lo, mid, hi - mid};
    return rank & bit ? high : low;
}

struct sg_reduce_round sg_reduce_doubling(int rank, int size, const int64_t *cut, int j)
{
    struct sg_reduce_round r = sg_reduce_halving(rank, size, cut, sg_reduce_rounds(size) - 1 - j);
    return (struct sg_reduce_round){r.partner, r.receive, r.n_receive, r.send, r.n_send};
}

/* Rounds [first, end) of a job: the halving's k, then the doubling's. */
static void rounds_of(enum sg_reduce_job job, int k, int *first, int *end)
{
    *first = job == SG_GATHER ? k : 0;
    *end = job == SG_SCATTER ? k : 2 * k;
}

static struct sg_reduce_round round_of(int rank, int size, const int64_t *cut, int j)
{
    int k = sg_reduce_rounds(size);
    return j < k ? sg_reduce_halving(rank, size, cut, j) : sg_reduce_doubling(rank, size, cut, j - k);
}

void sg_reduce_foretell(int rank, int size, const int64_t *cut, enum sg_reduce_job job,
                        struct sg_reduce_count *count)
{
    int j, end;
    rounds_of(job, sg_reduce_rounds(size), &j, &end);
    for (; j < end; j++) {
        int64_t n = round_of(rank, size, cut, j).n_send;
        count->n_messages += (n + PIECE - 1) / PIECE;
        count->n_bytes += n * (int64_t)sizeof(float);
    }
}

void sg_reduce_foretell_f64(int size, int64_t n, struct sg_reduce_count *count)
{
    int64_t k = sg_reduce_rounds(size);
    count->n_messages += k * ((n + F64_PIECE - 1) / F64_PIECE);
    count->n_bytes += k * n * (int64_t)sizeof(double);
}

/* --- the buckets --- */

/* One direction of a round: pieces [0, n), of which [done, posted) are under way. */
struct stream {
    int64_t n, posted, done;
    MPI_Request request[DEPTH];
};

struct bucket {
    float *x, *scratch; /* scratch: (DEPTH, PIECE), or less where the bucket is smaller */
    const int64_t *cut;
    int round, end, open; /* idle when round == end; open: `now` is this round */
    struct sg_reduce_round now;
    struct stream send, receive;
};

struct sg_reduction {
    struct sg_team team;
    int n_buckets, n_rounds;
    struct bucket *bucket;
    int rc; /* the first failure of MPI */
    struct sg_reduce_count count;
};

static int64_t scratch_of(int size, int64_t n_most)
{
    return size < 2 ? 0 : n_most < DEPTH * PIECE ? n_most : DEPTH * PIECE;
}

size_t sg_reduction_bytes(int size, int n_buckets, const int64_t *n_most)
{
    int64_t n = 0;
    for (int b = 0; b < n_buckets; b++)
        n += scratch_of(size, n_most[b]);
    return (size_t)n * sizeof(float);
}

sg_status sg_reduction_create(const struct sg_team *team, int n_buckets, const int64_t *n_most,
                              struct sg_reduction **out, struct sg_err *err)
{
    SG_TRY(check_team(team, err));
    struct sg_reduction *r = sg_alloc(1, sizeof *r);
    if (!r)
        return sg_fail_memory(err, sizeof *r);
    *r = (struct sg_reduction){.team = *team, .n_rounds = sg_reduce_rounds(team->size), .rc = MPI_SUCCESS};
    r->bucket = sg_alloc((size_t)n_buckets, sizeof *r->bucket);
    r->n_buckets = r->bucket ? n_buckets : 0;
    int bad = !r->bucket;
    for (int b = 0; b < r->n_buckets; b++) {
        r->bucket[b].scratch = sg_alloc((size_t)scratch_of(team->size, n_most[b]), sizeof(float));
        bad |= !r->bucket[b].scratch;
    }
    if (bad) {
        sg_reduction_destroy(r);
        return sg_fail_memory(err, sg_reduction_bytes(team->size, n_buckets, n_most));
    }
    *out = r;
    return SG_OK;
}

static void abandon(struct stream *s)
{
    for (; s->done < s->posted; s->done++) {
        MPI_Request *q = &s->request[s->done % DEPTH];
        if (*q != MPI_REQUEST_NULL) {
            MPI_Cancel(q);
            MPI_Request_free(q);
        }
    }
}

void sg_reduction_destroy(struct sg_reduction *r)
{
    if (!r)
        return;
    for (int b = 0; b < r->n_buckets; b++) {
        abandon(&r->bucket[b].send);
        abandon(&r->bucket[b].receive);
        sg_free(r->bucket[b].scratch);
    }
    sg_free(r->bucket);
    sg_free(r);
}

struct sg_reduce_count sg_reduction_count(const struct sg_reduction *r)
{
    return r->count;
}

void sg_reduction_start(struct sg_reduction *r, int bucket, enum sg_reduce_job job, float *x,
                        const int64_t *cut)
{
    struct bucket *b = &r->bucket[bucket];
    b->x = x;
    b->cut = cut;
    rounds_of(job, r->n_rounds, &b->round, &b->end);
}

static int64_t piece_floats(int64_t n, int64_t piece)
{
    int64_t left = n - piece * PIECE;
    return left < PIECE ? left : PIECE;
}

static int is_ok(struct sg_reduction *r, int rc)
{
    if (r->rc == MPI_SUCCESS)
        r->rc = rc;
    return rc == MPI_SUCCESS;
}

/* Whether the oldest piece under way has arrived (left). */
static int oldest_is_done(struct sg_reduction *r, struct stream *s)
{
    int flag = 0;
    return s->done < s->posted &&
           is_ok(r, MPI_Test(&s->request[s->done % DEPTH], &flag, MPI_STATUS_IGNORE)) && flag;
}

static int can_post(const struct sg_reduction *r, const struct stream *s)
{
    return r->rc == MPI_SUCCESS && s->posted < s->n && s->posted - s->done < DEPTH;
}

static int move_sends(struct sg_reduction *r, struct bucket *b, int tag)
{
    struct stream *s = &b->send;
    int64_t before = s->done + s->posted;
    do {
        for (; can_post(r, s); s->posted++) {
            int64_t n = piece_floats(b->now.n_send, s->posted);
            if (!is_ok(r, MPI_Isend(b->x + b->now.send + s->posted * PIECE, (int)n, MPI_FLOAT, b->now.partner,
                                    tag, r->team.comm, &s->request[s->posted % DEPTH])))
                return 0;
            r->count.n_messages++;
            r->count.n_bytes += n * (int64_t)sizeof(float);
        }
    } while (oldest_is_done(r, s) && ++s->done);
    return s->done + s->posted > before;
}

static int move_receives(struct sg_reduction *r, struct bucket *b, int tag)
{
    struct stream *s = &b->receive;
    int64_t before = s->done + s->posted;
    int adds = b->round < r->n_rounds;
    for (;;) {
        for (; can_post(r, s); s->posted++) {
            float *to =
                adds ? b->scratch + s->posted % DEPTH * PIECE : b->x + b->now.receive + s->posted * PIECE;
            if (!is_ok(r, MPI_Irecv(to, (int)piece_floats(b->now.n_receive, s->posted), MPI_FLOAT,
                                    b->now.partner, tag, r->team.comm, &s->request[s->posted % DEPTH])))
                return 0;
        }
        if (!oldest_is_done(r, s))
            break;
        if (adds) {
            const float *restrict other = b->scratch + s->done % DEPTH * PIECE;
            float *restrict sum = b->x + b->now.receive + s->done * PIECE;
            int64_t n = piece_floats(b->now.n_receive, s->done);
            for (int64_t i = 0; i < n; i++)
                sum[i] += other[i];
        }
        s->done++;
    }
    return s->done + s->posted > before;
}

/* Returns whether anything moved. */
static int move_bucket(struct sg_reduction *r, struct bucket *b, int tag)
{
    int moved = 0;
    while (b->round < b->end && r->rc == MPI_SUCCESS) {
        if (!b->open) {
            b->now = round_of(r->team.rank, r->team.size, b->cut, b->round);
            b->send = (struct stream){.n = (b->now.n_send + PIECE - 1) / PIECE};
            b->receive = (struct stream){.n = (b->now.n_receive + PIECE - 1) / PIECE};
            b->open = 1;
        }
        moved |= move_receives(r, b, tag);
        moved |= move_sends(r, b, tag);
        if (b->send.done < b->send.n || b->receive.done < b->receive.n)
            break;
        b->round++;
        b->open = 0;
        moved = 1;
    }
    return moved;
}

static int move_all(struct sg_reduction *r)
{
    int moved = 0;
    for (int b = 0; b < r->n_buckets; b++)
        moved |= move_bucket(r, &r->bucket[b], 1 + b);
    return moved;
}

void sg_reduction_poke(struct sg_reduction *r)
{
    while (move_all(r))
        ;
}

sg_status sg_reduction_wait(struct sg_reduction *r, struct sg_err *err)
{
    for (int b = 0; b < r->n_buckets; b++)
        while (r->bucket[b].round < r->bucket[b].end && r->rc == MPI_SUCCESS)
            if (!move_all(r))
                sched_yield(); /* the partner may want this core */
    return sg_mpi_check(r->rc, "exact reduction", err);
}

sg_status sg_reduce_exact_f64(const struct sg_team *team, double *x, int64_t n, struct sg_reduce_count *count,
                              struct sg_err *err)
{
    SG_TRY(check_team(team, err));
    double other[F64_PIECE];
    for (int64_t at = 0; at < n; at += F64_PIECE) {
        int m = n - at < F64_PIECE ? (int)(n - at) : F64_PIECE;
        for (int bit = 1; bit < team->size; bit *= 2) {
            SG_TRY(sg_mpi_check(MPI_Sendrecv(x + at, m, MPI_DOUBLE, team->rank ^ bit, 0, other, m, MPI_DOUBLE,
                                             team->rank ^ bit, 0, team->comm, MPI_STATUS_IGNORE),
                                "exact reduction", err));
            for (int i = 0; i < m; i++)
                x[at + i] += other[i];
            if (count) {
                count->n_messages++;
                count->n_bytes += m * (int64_t)sizeof(double);
            }
        }
    }
    return SG_OK;
}
