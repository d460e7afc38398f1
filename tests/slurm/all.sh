#!/bin/bash
# all.sh SYNTHGRID: requeue.sh and study.sh at once, since Slurm lets both wait most of the time. Run by with-slurm -c 18: 16 and 2 CPUs.
# Beside them submit.py, in a Slurm of its own, of which it takes nodes away.
here=$(cd "$(dirname "$0")" && pwd)
SYNTHGRID=$1 PYTHONDONTWRITEBYTECODE=1 "$here/with-slurm" -n 3 -c 6 python3 "$here/submit.py" &
submit=$!
"$here/requeue.sh" &
requeue=$!
"$here/study.sh" "$1"
study=$?
wait $requeue || study=1
wait $submit || study=1
exit $study
