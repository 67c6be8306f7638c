#!/usr/bin/env bash
#SBATCH --job-name=roadex
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=8G
#SBATCH --time=24:00:00
#
# One run with its workers as SLURM jobs: this job holds the scheduler, plans, stitches and writes,
# and submits WORKERS jobs that do the work.
#
#   sbatch workflows/slurm/run.sh SCENE... -o OUT      as a job of its own
#   bash workflows/slurm/run.sh SCENE... -o OUT        from a login node, staying there
#
# What follows is passed to `roadex run`. A run that was stopped goes on when the same command is
# given again.
#
# Variables: WORKERS      jobs to keep going (4)
#            DASK_CONFIG  what a worker job asks for (jobqueue.yaml beside this script)
set -euo pipefail

# SLURM runs a copy of this script, so there it is looked for from the folder of submission.
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
[ -f "$here/jobqueue.yaml" ] || here=${SLURM_SUBMIT_DIR:?}/workflows/slurm
export DASK_CONFIG=${DASK_CONFIG:-$here/jobqueue.yaml}

# Worker jobs are jobs of their own and must not inherit the size of this one.
unset "${!SLURM_CPU@}" "${!SLURM_MEM@}" "${!SLURM_NTASKS@}" "${!SLURM_TRES@}"

exec roadex run "$@" --jobqueue slurm --workers "${WORKERS:-4}"
