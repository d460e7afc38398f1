#!/bin/bash
# study.sh SYNTHGRID: a small study by slurm/study.sbatch, with the real program on two ranks, under a real Slurm: warned in the
# middle it comes back, resumes and leaves results.h5; the same digest as mpirun gives without Slurm. Run by with-slurm.
set -u
source=$(cd "$(dirname "$0")/../.." && pwd)
export SYNTHGRID=$1
cd "$source" || exit 1

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
fail() {
    echo "FAILED: $*"
    tail -n 40 "$folder"/*.out "$folder"/*.txt 2>/dev/null
    exit 1
}
# Raw data alone: six cells that need no completions, and together some seconds.
study=(experiments/grid.yaml --offline 'tasks=[sst2,rte]' 'mixes=[raw]' seeds.train=3 train.encoder=tests/oracle/model/bert train.steps=1000
    train.max_length=48 generator.recording=)

# submit NAME LAUNCHER RESULTS
submit() {
    SG_LAUNCH=$2 sbatch --parsable --ntasks=2 --cpus-per-task=1 --time=10 --output="$folder/$1.out" slurm/study.sbatch \
        "${study[@]}" "results=$3" || fail "sbatch"
}
# finish JOB NAME RESTARTS
finish() {
    local i shown
    for ((i = 0; i < 1200; i++)); do
        [ -n "$(squeue --noheader --jobs="$1" 2>/dev/null)" ] || break
        sleep 0.1
    done
    shown=$(scontrol --oneliner show job "$1")
    case " $shown " in
        *" JobState=COMPLETED "*" Restarts=$3 "*) ;;
        *) fail "$2 did not end well after $3 restarts: $shown" ;;
    esac
}

job=$(submit warned srun "$folder/warned")
# Warned as soon as work has begun.
for ((i = 0; i < 300; i++)); do
    [ ! -e "$folder/warned/status.json" ] || break
    sleep 0.1
done
scancel --batch --signal=USR1 "$job"
finish "$job" warned 1
[ -s "$folder/warned/results.h5" ] || fail "warned: no results.h5"

# Once more: nothing is left, by the other launcher.
finish "$(submit again mpirun "$folder/warned")" again 0

"${MPIEXEC:-mpirun}" -n 2 "$SYNTHGRID" run "${study[@]}" "results=$folder/plain" >"$folder/plain.txt" 2>&1 ||
    fail "mpirun without Slurm"
digest() { sed -n 's/^digest *//p' "$1" | tail -n 1; }
[ -n "$(digest "$folder/plain.txt")" ] || fail "no digest"
for name in warned again; do
    [ "$(digest "$folder/$name.out")" = "$(digest "$folder/plain.txt")" ] || fail "$name: another digest than without Slurm"
done
echo "requeued, resumed, and the same digest $(digest "$folder/plain.txt")"
