#!/usr/bin/env bash
# One run on a workstation with one or more GPUs: one worker per GPU, the other cores vectorize.
#
#   bash workflows/gpu-workstation/run.sh SCENE... -o OUT
#
# What follows is passed to `roadex run`. A run that was stopped goes on when the same command is
# given again.
#
# Variables: GPUS    all, or numbers such as 0,1 (all)
#            CONFIG  settings of the run (run.toml beside this script)
set -euo pipefail

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
exec roadex run "$@" --gpus "${GPUS:-all}" --config "${CONFIG:-$here/run.toml}"
