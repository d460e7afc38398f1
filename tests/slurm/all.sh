#!/bin/bash
# all.sh SYNTHGRID: requeue.sh and study.sh at once, since Slurm lets both wait most of the time. Run by with-slurm -c 18: 16 and 2 CPUs.
here=$(cd "$(dirname "$0")" && pwd)
"$here/requeue.sh" &
requeue=$!
"$here/study.sh" "$1"
study=$?
wait $requeue && exit $study
