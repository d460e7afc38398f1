# ==== PBS ====
set -u
job=${PBS_JOBID:?run by qsub}
script=$SG_SCRIPT
restarts=${SG_RESTARTS:-0}
place="$SG_RANKS ranks on $(sort -u "${PBS_NODEFILE:-/dev/null}" 2>/dev/null | tr '\n' ' ')"
# PBS sends no warning: this script has its own clock.
warns_by_clock=$((SG_TIME_S - SG_WARN_S))
export SG_END_TIME=$(($(date +%s) + SG_TIME_S))

queue_next() { # prints its number
    qsub -W "depend=afterany:$job" -v "SG_RESTARTS=$((restarts + 1))" "$script"
}
cancel() { qdel "$1"; }
# Users may not requeue their jobs (qrerun is an operator's): the same script is submitted again.
requeue() { queue_next >/dev/null; }
# qdel, since the end of the time was warned of before.
is_cancelled() { [ "$warnings" -eq 0 ]; }

prepare_launch() {
    export OMP_NUM_THREADS=$SG_THREADS
    if [ -z "$launch" ]; then
        launch="mpirun -n $SG_RANKS"
        [ -z "${PBS_NODEFILE:-}" ] || launch="$launch -machinefile $PBS_NODEFILE"
        # A rank that exits with 3 is no reason to kill those that are about to. Ranks share a node's cores out among themselves.
        export OMPI_MCA_orte_abort_on_non_zero_exit=0 OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_hwloc_default_binding_policy=none
    fi
}
