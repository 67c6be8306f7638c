#!/usr/bin/env bash
# A whole SLURM cluster of one node, for tests: munge, controller and node daemon, everything in one
# folder, on ports of its own, beside whatever SLURM the machine may have. Needs root.
#
#   start-slurm.sh FOLDER        writes FOLDER/slurm.conf and starts the three daemons
#   stop-slurm.sh: kill $(cat FOLDER/*.pid)
#
# Afterwards `SLURM_CONF=FOLDER/slurm.conf sbatch ...` talks to it.
set -euo pipefail
folder=$(realpath "$1")
export PATH=$PATH:/usr/sbin SLURM_CONF=$folder/slurm.conf
read -r controller_port node_port <<<"$2 $3"

mkdir -p "$folder"/{munge,state,spool}
chmod 700 "$folder"/munge
head -c 1024 /dev/urandom >"$folder/munge/key"
chmod 600 "$folder/munge/key"

cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort=$controller_port
SlurmdPort=$node_port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CryptoType=crypto/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
# No control groups: they are not to be had inside most containers.
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_interval=2,bf_interval=2
# More cores than there are, so that the main job and its workers run side by side anywhere.
SlurmdParameters=config_overrides
NodeName=localhost CPUs=8 RealMemory=65536 State=UNKNOWN
PartitionName=all Nodes=localhost Default=YES MaxTime=INFINITE State=UP
CONF

munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munge/log" \
    --seed-file="$folder/munge/seed" --num-threads=2
slurmctld -c
slurmd -c -N localhost
for _ in $(seq 60); do
    if sinfo --noheader --states=idle --format=%N 2>/dev/null | grep -q localhost; then
        exit 0
    fi
    sleep 0.5
done
echo "SLURM does not come up:" >&2
tail -n 20 "$folder"/*.log >&2
exit 1
