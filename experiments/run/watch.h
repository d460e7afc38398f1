/* What a run says of itself while it goes: its first line, its answer to a signal, and ranks that give no sign of life. */
#ifndef SG_EXPERIMENTS_RUN_WATCH_H
#define SG_EXPERIMENTS_RUN_WATCH_H

#include "experiments/study/prepare.h"
#include "mpi/engine.h"

/* Rank 0, before anything that takes time: "run STUDY on 2 ranks x 4 threads, results in DIR" on stderr. A study that cannot be read says
 * nothing here: whoever reads it next tells why. */
void sg_watch_begin(const struct sg_team *world, const char *study, int n_overrides,
                    const char *const *overrides, int buy_only);

/* Before MPI starts. SIGUSR1 and SIGUSR2, by which a launcher or a batch system says that the time is over, end no process that is still
 * starting: the run will know of them when it begins. SIGINT and SIGTERM end it at once, as there is nothing to keep. */
void sg_watch_early_signals(void);

/* All ranks. From now on SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 end the run when what runs is done; a second one, and SIGTERM (mpirun sends
 * SIGKILL a second after it), at once. Rank 0 answers on stderr from within the handler: to the former that the run drains, to the
 * latter with when_dropped (static text; NULL: that what is finished is kept, and the same command goes on). */
void sg_watch_signals(const struct sg_team *world, const char *when_dropped);

/* Local. When the time of this run is over, for sg_engine_hooks: $SG_END_TIME, or what Slurm says of its job ($SLURM_JOB_END_TIME; 22.05 does not set it),
 * Unix seconds both, less what the end takes: 75 s, as slurm/study.sbatch lets cells finish so long before the limit; but no more than a twentieth of what is left.
 * 0: not known, or over. */
double sg_watch_until_s(void);

/* Local. The name of the last such signal that this process got, "TERM"; "": none. */
const char *sg_watch_signal(void);

/* Collective: rank 0 learns the ranks' hosts. */
struct sg_watch {
    int n_ranks;
    char (*host)[64]; /* (n_ranks); NULL on other ranks */
    int told;         /* the rank that was warned of, or -1 */
    char silent[400]; /* "" or the sentence of the rank that is silent now */
};
sg_status sg_watch_create(struct sg_watch *w, const struct sg_team *world, struct sg_err *err) SG_MUST_USE;
void sg_watch_free(struct sg_watch *w);

/* Rank 0, in the engine's tick: fills w->silent, and warns once of each rank. what(context, silence, text, n): names the work in hand. */
void sg_watch_turn(struct sg_watch *w, const struct sg_engine *e,
                   void (*what)(void *context, const struct sg_engine_silence *s, char *text, size_t n),
                   void *context);

#endif
