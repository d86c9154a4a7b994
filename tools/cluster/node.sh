#!/bin/bash
# The node from the inside. Started in pid, mount and network namespaces of its own, below an init process that is PID 1 there: when
# that ends, the kernel ends every process and removes every mount, link and packet filter. Nothing here has to be undone.
# Usage: node.sh CLUSTER_DIR CGROUP HOST_ADDRESS NODE_ADDRESS
set -euo pipefail
dir=$1 cgroup=$2 host=$3 node=$4

# --- Mounts: the node sees the machine's programs, but writes only to its own folder and to memory.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/{cluster,cgroup,pids,sysctl} /run/var-lib/{upper,work}
mount --rbind "$dir" /run/cluster
mount -t overlay overlay -o lowerdir=/var/lib,upperdir=/run/var-lib/upper,workdir=/run/var-lib/work /var/lib
mount --rbind /run/cluster "$dir" # it may lie in /var/lib
mkdir -p /var/lib/kubelet
mount --bind "$dir/kubelet" /var/lib/kubelet
mount --make-rshared /var/lib/kubelet
mount --bind "$dir/log" /var/log
# A new /sys shows the links of the new network namespace; the control groups stay the machine's.
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup
# The kubelet wants these values, but they are not namespaced and the machine's are not ours to change: it is shown what it wants.
while read -r name value; do
  echo "$value" > "/run/sysctl/${name//\//.}"
  mount --bind "/run/sysctl/${name//\//.}" "/proc/sys/$name"
done << 'EOF'
kernel/keys/root_maxbytes 25000000
kernel/keys/root_maxkeys 1000000
kernel/panic 10
kernel/panic_on_oops 1
vm/overcommit_memory 1
vm/panic_on_oom 0
EOF

# --- Control groups: one per hierarchy (version 1), or the only one (version 2).
if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
  mkdir -p "/sys/fs/cgroup/$cgroup"
else
  for hierarchy in /sys/fs/cgroup/*/; do mkdir -p "$hierarchy$cgroup"; done
fi

# --- Network: the host makes the link as soon as it knows this process.
for _ in {1..200}; do
  [[ -e /sys/class/net/eth0 ]] && break
  sleep 0.05
done
ip link set lo up
ip address add "$node/30" dev eth0
ip link set eth0 up
ip route add default via "$host"
echo 1 > /proc/sys/net/ipv4/ip_forward

# --- Daemons. One that ends is started again, but not for ever: a node that cannot work should say so by ending.
keep_running() {
  local name=$1 status
  for _ in 1 2 3 4 5; do
    "$dir/daemons/$name" &
    echo $! > "/run/pids/$name"
    status=0
    wait $! || status=$?
    echo "$name ended with exit code $status"
    echo "$(date -u +%FT%TZ) $name ended with exit code $status, see $dir/log/$name.log" >&3
    sleep 1
  done
}

exec 3>&1
declare -A keepers
for daemon in "$dir"/daemons/*; do
  name=${daemon##*/}
  keep_running "$name" >> "$dir/log/$name.log" 2>&1 &
  keepers[$name]=$!
done

# --- End. Containers get a chance to finish what they are writing; everything else does not need one.
stop() {
  trap '' TERM
  kill -KILL "${keepers[@]}"
  kill "$(< /run/pids/kubelet)" || true
  local own pods process namespace
  own=$(readlink /proc/self/ns/mnt)
  for round in {0..49}; do
    pods=()
    for process in /proc/[0-9]*; do
      namespace=$(readlink "$process/ns/mnt") || continue
      [[ $namespace == "$own" ]] || pods+=("${process#/proc/}")
    done
    ((${#pods[@]} > 0)) || break
    case $round in
      0) kill -TERM "${pods[@]}" || true ;;
      # PostgreSQL waits for its clients after the first signal, but not after this one.
      20) kill -INT "${pods[@]}" || true ;;
    esac
    sleep 0.1
  done
  # Its open requests would keep etcd waiting.
  kill -KILL "$(< /run/pids/kube-apiserver)" || true
  kill "$(< /run/pids/etcd)" || true
  for _ in {1..30}; do
    [[ -e /proc/$(< /run/pids/etcd) ]] || break
    sleep 0.1
  done
  echo 'stopped'
  exit 0
}
trap stop TERM

wait -n "${keepers[@]}"
echo 'A daemon keeps ending, so the node ends.'
