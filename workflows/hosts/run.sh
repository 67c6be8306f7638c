#!/usr/bin/env bash
# One run on several hosts that answer to SSH: starts a Dask scheduler and workers on them, runs
# roadex here, and stops them at the end.
#
#   bash workflows/hosts/run.sh SCENE... -o OUT
#
# What follows is passed to `roadex run`. A run that was stopped goes on when the same command is
# given again.
#
# Variables: HOSTS        what runs where (hosts.txt beside this script)
#            DASK_CONFIG  settings of Dask on all hosts (dask.yaml beside this script)
#            BIN          folder of roadex and dask on all hosts (that of roadex here)
#            REMOTE       command to reach a host (ssh)
set -euo pipefail

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
hosts=${HOSTS:-$here/hosts.txt}
export DASK_CONFIG=${DASK_CONFIG:-$here/dask.yaml}
bin=${BIN:-$(dirname "$(command -v roadex)")}
port=8786
# A worker whose scheduler is not there yet, or no longer, looks for it for a minute.
common="--memory-limit 0 --no-dashboard --death-timeout 60"

# on HOST COMMAND: run a command there in this folder. With a terminal (-tt) it ends with ssh.
on() {
    ${REMOTE:-ssh -tt -o BatchMode=yes} "$1" \
        "cd '$PWD' && exec env DASK_CONFIG='$DASK_CONFIG' PATH='$bin':\"\$PATH\" $2" </dev/null &
}
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT

# Hosts are started in the order of the file; the scheduler comes first.
scheduler=
while read -r role host options; do
    case $role in
    scheduler)
        scheduler=tcp://$host:$port
        on "$host" "dask scheduler --host $host --port $port --no-dashboard $options"
        ;;
    worker)
        on "$host" "dask worker $scheduler --host $host $common $options"
        ;;
    gpu)
        on "$host" "CUDA_VISIBLE_DEVICES=$options dask worker $scheduler --host $host $common \
            --nthreads 4 --resources GPU=1"
        ;;
    '' | '#'*) ;;
    *)
        echo "$hosts: '$role' is not scheduler, worker or gpu" >&2
        exit 2
        ;;
    esac
done <"$hosts"

roadex run "$@" --scheduler "${scheduler:?$hosts names no scheduler}"
