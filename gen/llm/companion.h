/* An LLM server that a run starts itself, beside rank 0, and that ends with it: vLLM, llama.cpp's or any other that speaks OpenAI's protocol.
 *
 *     SG_TRY(sg_companion_start(&settings, &c, err));
 *     while (sg_companion_turn(c) == SG_COMPANION_LOADING) ...       however long: it ends when the server does
 *     ... sg_companion_url(c) ...
 *     sg_companion_end(c, patience_s);
 *
 * The command is /bin/sh's. {socket} in it becomes the path of a Unix socket in a new folder that is its user's alone (0700), {port} a free
 * port of 127.0.0.1; without either it listens where the study says.
 *
 * The server is not this process's child. Between both stands the keeper, a process of this program that does nothing else: it starts the
 * server, asks for its health (GET /health; where there is none, /v1/models, which may want a key), keeps the end of its output in a file, and starts it again
 * when it dies. It ends the server, with all that it has started, when this process closes its end of a pipe, which the kernel does however
 * this process ends. A keeper that is killed takes the server along (PR_SET_PDEATHSIG, and SIGKILL to
 * its group from here). The keeper is spawned, not forked, so that it may be
 * started under MPI.
 *
 * Neither inherits a file. The environment is this process's without API keys (the variables `hidden`, those that name their files, and whatever holds the value of one
 * or, but for variables of paths, looks like one) and without what a launcher tells its ranks (base/launcher.h): a server that uses MPI is no rank of ours. */
#ifndef SG_GEN_LLM_COMPANION_H
#define SG_GEN_LLM_COMPANION_H

#include "base/err.h"

struct sg_companion;

enum sg_companion_place {
    SG_COMPANION_SOCKET, /* {socket} */
    SG_COMPANION_PORT,   /* {port} */
    SG_COMPANION_GIVEN   /* an address that is known without it */
};
enum sg_companion_place sg_companion_place(const char *command);

/* Strings are borrowed for the call. */
struct sg_companion_settings {
    const char *command;
    const char *address;        /* SG_COMPANION_GIVEN: where it will answer; else unused */
    const char *log;            /* gets its output: the last 4 MiB, and as much as <log>.1 */
    int n_restarts;             /* when it dies after it was ready once */
    int n_hidden;               /* variables that hold keys */
    const char *const *hidden;  /* (n_hidden) */
    const unsigned char *cores; /* (SG_CORE_MASK of base/cores.h) that it may use; NULL: this process's */
};

/* Local. Starts it and returns at once. SG_INPUT for a command with both {socket} and {port}, and where somebody answers at the given
 * address already. */
sg_status sg_companion_start(const struct sg_companion_settings *s, struct sg_companion **out,
                             struct sg_err *err) SG_MUST_USE;

enum sg_companion_state { SG_COMPANION_LOADING, SG_COMPANION_READY, SG_COMPANION_GONE };

/* Local, never waits. What it is doing: LOADING also when it is started again. */
enum sg_companion_state sg_companion_turn(struct sg_companion *c);

/* How it last died and what it said then, "" while it has not: "ended by signal 9: its last words". */
const char *sg_companion_why(const struct sg_companion *c);

/* How often it has died. */
int sg_companion_n_deaths(const struct sg_companion *c);

/* generator.base_url of who asks it. Valid until end. */
const char *sg_companion_url(const struct sg_companion *c);

/* Local. Tells the keeper to end it, and does not wait. */
void sg_companion_dismiss(struct sg_companion *c);

/* Local. Ends it and waits until nothing of it is left, at most so long: the keeper goes on alone then. It sends SIGTERM, and SIGKILL
 * after 10 s. NULL is fine. */
void sg_companion_end(struct sg_companion *c, double patience_s);

/* The command of this program that is the keeper: not for people. argv: what sg_companion_start gives it. */
#define SG_COMPANION_KEEPER "companion-keeper"
int sg_companion_keep(int argc, char **argv);

/* Between both, on the keeper's standard output, a line a message: a letter, then the server's process group (STARTED), how it died (DIED,
 * GONE). The keeper ends behind GONE, or when its standard input does. */
enum {
    SG_COMPANION_SAYS_STARTED = 'S',
    SG_COMPANION_SAYS_READY = 'R',
    SG_COMPANION_SAYS_DIED = 'D',
    SG_COMPANION_SAYS_GONE = 'G'
};

/* The keeper's arguments behind its name. "" for a folder or cores: none. */
enum {
    SG_KEEPER_URL = 2,
    SG_KEEPER_LOG,
    SG_KEEPER_FOLDER, /* of the socket, which the keeper removes at its end */
    SG_KEEPER_RESTARTS,
    SG_KEEPER_CORES, /* the mask in hex, its first byte first */
    SG_KEEPER_COMMAND,
    SG_KEEPER_N
};

#endif
