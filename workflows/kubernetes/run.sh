#!/usr/bin/env bash
# One run on Kubernetes with the Dask operator; job.yaml beside this script says what and where.
#
#   bash workflows/kubernetes/run.sh [JOB.yaml]
#
# A run that failed or was stopped goes on when the same command is given again.
set -euo pipefail

job=${1:-$(dirname "$(realpath "${BASH_SOURCE[0]}")")/job.yaml}
name=$(kubectl create --dry-run=client -o 'jsonpath={.metadata.name}' -f "$job")

kubectl delete --ignore-not-found --wait -f "$job"
kubectl apply -f "$job"
# There is no log before the image has been pulled.
until kubectl logs --follow "pod/$name-runner" 2>/dev/null; do sleep 2; done
kubectl wait --for=jsonpath='{.status.jobStatus}'=Successful --timeout=60s "daskjob/$name"
