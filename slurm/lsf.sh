# ==== LSF ====
set -u
job=${LSB_JOBID:?run by bsub}
script=$SG_SCRIPT
restarts=${SG_RESTARTS:-0}
place="$SG_RANKS ranks on ${LSB_HOSTS:-?}"
# Warnings of LSF's own (-wa) would reach the ranks, too: this script has its own clock.
warns_by_clock=$((SG_TIME_S - SG_WARN_S))
export SG_END_TIME=$(($(date +%s) + SG_TIME_S))

queue_next() { # prints its number
    SG_RESTARTS=$((restarts + 1)) bsub -w "ended($job)" <"$script" | sed -n 's/^Job <\([0-9]*\)>.*/\1/p'
}
cancel() { bkill "$1"; }
requeue() { queue_next >/dev/null; }
# bkill, since the end of the time was warned of before.
is_cancelled() { [ "$warnings" -eq 0 ]; }

prepare_launch() {
    export OMP_NUM_THREADS=$SG_THREADS
    if [ -z "$launch" ]; then
        launch="mpirun -n $SG_RANKS"
        [ -z "${LSB_DJOB_HOSTFILE:-}" ] || launch="$launch -machinefile $LSB_DJOB_HOSTFILE"
        # A rank that exits with 3 is no reason to kill those that are about to. Ranks share a node's cores out among themselves.
        export OMPI_MCA_orte_abort_on_non_zero_exit=0 OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_hwloc_default_binding_policy=none
    fi
}
