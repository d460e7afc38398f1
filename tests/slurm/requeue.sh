#!/bin/bash
# slurm/study.sbatch under a real Slurm, with a program that only pretends (fake-synthgrid): is it warned, does the job come back,
# and does it leave alone what a restart would not help? Run by with-slurm; all jobs at once, about 45 s, most of it Slurm's.
set -u
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failures=0
export OPENAI_API_KEY=sk-must-not-be-seen SYNTHGRID=$here/fake-synthgrid
echo 'export SG_TEST_EXTRA=seen' >"$folder/environment"

declare -A job=()
# submit MODE [VARIABLE=value...] -- [sbatch options...]
submit() {
    local mode=$1 settings=()
    shift
    while [ "$1" != -- ]; do settings+=("$1"); shift; done
    shift
    job[$mode]=$(cd "$folder" && env "${settings[@]}" sbatch --parsable --ntasks=2 --cpus-per-task=1 "$@" \
        --output="$folder/$mode.out" "$source/slurm/study.sbatch" "$mode" "$folder" "a b" 'x=[1,2]') || exit 1
}

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
started() { [ "$(grep -c starts "$folder/$1.log" 2>/dev/null)" = 2 ]; }
await() { # SECONDS COMMAND...
    local i n=$(($1 * 10))
    shift
    for ((i = 0; i < n; i++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

submit drain SG_LAUNCH=srun SG_ENV_FILE="$folder/environment" -- --time=10
submit drain-mpirun SG_LAUNCH=mpirun SG_ENV_FILE="$folder/environment" -- --time=10
submit drain-capped SG_LAUNCH=srun SG_MAX_RESTARTS=0 -- --time=10
submit drain-limit -- --time=10
submit slow SG_DRAIN_S=1 -- --time=10
submit stuck SG_DRAIN_S=1 -- --time=10
submit money -- --time=10

for mode in "${!job[@]}"; do
    await 30 started $mode || fail "$mode did not start on two ranks"
done
# The warning that Slurm itself gives 120 s before the end (it looks every 30 s), and the same by hand, which is faster.
scontrol update jobid=${job[drain-limit]} EndTime=now+100
for mode in drain drain-mpirun drain-capped slow stuck; do scancel --batch --signal=USR1 ${job[$mode]}; done

jobs=$(IFS=,; echo "${job[*]}")
over() { [ -z "$(squeue --noheader --jobs="$jobs" 2>/dev/null)" ]; }
await 90 over || fail "still in the queue: $(squeue --noheader --jobs="$jobs" --format='%i %T %r')"

# expect MODE STATE EXIT RESTARTS LOG...: how the job ended, and the lines that each rank wrote.
expect() {
    local mode=$1 state=$2 code=$3 restarts=$4 shown line rank
    shift 4
    shown=$(scontrol --oneliner show job ${job[$mode]})
    for line in "JobState=$state" "ExitCode=$code" "Restarts=$restarts"; do
        case " $shown " in *" $line "*) ;; *) fail "$mode: not $line: $shown" ;; esac
    done
    for rank in 0 1; do
        for line; do
            [ "$(grep -cF "${line/RANK/rank $rank}" "$folder/$mode.log")" = 1 ] || fail "$mode: not once: ${line/RANK/rank $rank}"
        done
    done
    [ "$(wc -l <"$folder/$mode.log")" = $((2 * $#)) ] || fail "$mode: more or fewer lines than expected"
    ! grep -q must-not-be-seen "$folder/$mode".* || fail "$mode: the key is in the job's environment"
}
arguments='arguments=[a b][x=[1,2]]'
for mode in drain drain-mpirun; do
    expect $mode COMPLETED 0:0 1 "restart 0 RANK starts key=none extra=seen $arguments" "restart 0 RANK ends 3" \
        "restart 1 RANK starts key=none extra=seen $arguments" "restart 1 RANK ends 0"
done
for mode in drain-limit slow; do
    expect $mode COMPLETED 0:0 1 "restart 0 RANK starts key=none extra=none $arguments" "restart 0 RANK ends 3" \
        "restart 1 RANK starts" "restart 1 RANK ends 0"
done
expect stuck COMPLETED 0:0 1 "restart 0 RANK starts" "restart 1 RANK starts" "restart 1 RANK ends 0"
expect drain-capped FAILED 3:0 0 "restart 0 RANK starts" "restart 0 RANK ends 3"
expect money FAILED 3:0 0 "restart 0 RANK starts" "restart 0 RANK ends 3"
# One log, begun by the first run and continued by the second.
[ "$(grep -c 'synthgrid job .* ranks on' "$folder/drain.out")" = 2 ] || fail "drain: the log was not appended to"
grep -q "started again 0 times already" "$folder/drain-capped.out" || fail "drain-capped: does not say why it stops"

if [ $failures -gt 0 ]; then
    tail -n 20 "$folder"/*.out "$folder"/*.log
    exit 1
fi
echo "7 jobs: 5 came back and ended well, 2 rightly did not"
