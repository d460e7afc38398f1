#define _GNU_SOURCE /* ppoll */
#include "mpi/doorbell.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A ring may come before MPI shows its message: so often it is looked for as if nobody rang. */
enum { LOOKS = 10 };

static socklen_t address(const struct sg_bell_name *name, struct sockaddr_un *a)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX}; /* abstract: the path begins with a NUL */
    memcpy(a->sun_path + 1, name->text, SG_BELL_NAME - 1);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + SG_BELL_NAME);
}

static int make_socket(struct sg_bell_name *name)
{
    unsigned char random[(SG_BELL_NAME - 1) / 2];
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (getrandom(random, sizeof random, 0) == (ssize_t)sizeof random) {
        for (size_t i = 0; i < sizeof random; i++)
            snprintf(name->text + 2 * i, 3, "%02x", random[i]);
        if (bind(fd, (const struct sockaddr *)&a, address(name, &a)) == 0)
            return fd;
    }
    close(fd);
    *name = (struct sg_bell_name){0};
    return -1;
}

static int send_byte(const struct sg_doorbell *bell, const struct sg_bell_name *to)
{
    struct sockaddr_un a;
    socklen_t n = address(to, &a);
    return sendto(bell->socket, "", 1, MSG_NOSIGNAL, (const struct sockaddr *)&a, n) == 1 || errno == EAGAIN;
}

/* Rank 0 sends to all, and all to rank 0: so it needs all names, and they need its. Whoever can ring the other says so. */
static sg_status exchange(struct sg_doorbell *bell, const struct sg_team *world,
                          const struct sg_bell_name *mine, struct sg_err *err)
{
    struct sg_bell_name first = *mine;
    SG_TRY(sg_mpi_check(MPI_Bcast(&first, sizeof first, MPI_BYTE, 0, world->comm), "MPI_Bcast", err));
    SG_TRY(sg_mpi_check(MPI_Gather((void *)(uintptr_t)mine, sizeof *mine, MPI_BYTE, bell->name, sizeof *mine,
                                   MPI_BYTE, 0, world->comm),
                        "MPI_Gather", err));
    if (world->rank != 0)
        bell->name[0] = first;
    int n_deaf = 0,
        rings = bell->socket >= 0 && first.text[0] && (world->rank == 0 || send_byte(bell, &first));
    int deaf = !rings;
    for (int r = 0; r < world->size; r++)
        if (world->rank == 0
                ? r > 0 && (!bell->name[r].text[0] || bell->socket < 0 || !send_byte(bell, &bell->name[r]))
                : r > 0 || !rings)
            bell->name[r] = (struct sg_bell_name){0};
    SG_TRY(sg_mpi_check(MPI_Reduce(&deaf, &n_deaf, 1, MPI_INT, MPI_SUM, 0, world->comm), "MPI_Reduce", err));
    /* Whether rank 0 rings this one: it has the name then. */
    struct sg_bell_name heard;
    SG_TRY(sg_mpi_check(
        MPI_Scatter(bell->name, sizeof heard, MPI_BYTE, &heard, sizeof heard, MPI_BYTE, 0, world->comm),
        "MPI_Scatter", err));
    bell->is_rung_by_all = world->rank == 0 ? n_deaf == 0 : heard.text[0] != 0;
    while (bell->socket >= 0 && recv(bell->socket, &heard, 1, MSG_DONTWAIT) >= 0) /* those of the trial */
        ;
    return SG_OK;
}

sg_status sg_doorbell_open(struct sg_doorbell *bell, const struct sg_team *world, struct sg_err *err)
{
    struct sg_bell_name mine = {0};
    sg_status status = SG_OK;
    *bell = (struct sg_doorbell){.socket = -1, .own = -1, .n_ranks = world->size};
    bell->own = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bell->name = sg_alloc((size_t)world->size, sizeof *bell->name);
    if (bell->own < 0)
        status = sg_fail(err, SG_FAILED, "cannot make a descriptor to wait at: %s", strerror(errno));
    else if (!bell->name)
        status = sg_fail_memory(err, (size_t)world->size * sizeof *bell->name);
    SG_TRY_DONE(sg_agree(world, status, err));
    bell->socket = make_socket(&mine);
    SG_TRY_DONE(exchange(bell, world, &mine, err));
    return SG_OK;
done:
    sg_doorbell_close(bell);
    return status;
}

void sg_doorbell_close(struct sg_doorbell *bell)
{
    if (!bell->n_ranks)
        return;
    if (bell->socket >= 0)
        close(bell->socket);
    if (bell->own >= 0)
        close(bell->own);
    sg_free(bell->name);
    *bell = (struct sg_doorbell){0};
}

/* A rank that cannot be rung any more has ended, or looks itself. */
void sg_doorbell_ring(struct sg_doorbell *bell, int rank)
{
    if (rank < bell->n_ranks && bell->name[rank].text[0])
        (void)!send_byte(bell, &bell->name[rank]);
}

void sg_doorbell_wake(struct sg_doorbell *bell)
{
    (void)!eventfd_write(bell->own, 1);
}

void sg_doorbell_message_came(struct sg_doorbell *bell)
{
    bell->n_expected -= bell->n_expected > 0;
}

static void take_ring(struct sg_doorbell *bell)
{
    char bytes[1];
    bell->n_expected +=
        recv(bell->socket, bytes, sizeof bytes, MSG_DONTWAIT) >= 0; /* the next one ends the next wait */
    bell->n_looks = LOOKS;
}

void sg_doorbell_wait(struct sg_doorbell *bell, long look_us, long long_us)
{
    struct pollfd at[2] = {{.fd = bell->own, .events = POLLIN}, {.fd = bell->socket, .events = POLLIN}};
    int looks = !bell->is_rung_by_all || (bell->n_expected && bell->n_looks > 0);
    long us = looks ? look_us : long_us;
    eventfd_t n;
    bell->n_looks -= bell->n_expected > 0;
    if (bell->n_looks <= 0)
        bell->n_expected = 0;
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    if (ppoll(at, bell->socket >= 0 ? 2 : 1, &left, NULL) <= 0)
        return;
    if (at[0].revents)
        eventfd_read(bell->own, &n);
    if (bell->socket >= 0 && at[1].revents)
        take_ring(bell);
}
