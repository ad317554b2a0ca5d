#!/usr/bin/env bash
# bench_overlap over hosts of its own: network namespaces on one bridge, each link shaped to a rate.
#   tests/bench/overlap.sh PROGRAM RATE HOSTS [options of the program]      RATE as tc knows it: 1gbit, 200mbit
# Needs root, ip and tc; says "skipped: …" where it cannot have them.  Leaves nothing behind.
set -euo pipefail
program="$1" rate="$2" hosts="$3"
shift 3
name="bsft$$"
skip() { echo "overlap: skipped: $1"; exit 0; }
command -v ip > /dev/null && command -v tc > /dev/null || skip "ip and tc are not installed (iproute2)"
scratch="$(mktemp -d)"
clean() {
  for ((h = 1; h <= hosts; ++h)); do ip netns del "$name-$h" 2> /dev/null || true; done
  ip netns del "$name-0" 2> /dev/null || true
  rm -rf "$scratch"
}
trap clean EXIT
ip netns add "$name-0" 2> /dev/null || skip "this user may not make network namespaces"
ip -n "$name-0" link add bridge type bridge
ip -n "$name-0" link set bridge up
list=""
for ((h = 1; h <= hosts; ++h)); do
  ip netns add "$name-$h"
  ip -n "$name-$h" link add eth type veth peer name "port$h" netns "$name-0"
  ip -n "$name-$h" addr add "10.77.0.$h/24" dev eth
  ip -n "$name-$h" link set eth up
  ip -n "$name-$h" link set lo up
  ip -n "$name-0" link set "port$h" master bridge up
  ip netns exec "$name-$h" tc qdisc add dev eth root tbf rate "$rate" burst 256kb latency 50ms
  list+="${list:+,}10.77.0.$h:1"
done
# mpirun's way to another host: its namespace, under a host name of its own.
cat > "$scratch/agent" << AGENT
#!/usr/bin/env bash
host="\$1"; shift
exec ip netns exec "$name-\${host##*.}" unshare --uts bash -c "hostname host\${host##*.}; \$*"
AGENT
chmod +x "$scratch/agent"
ip netns exec "$name-1" unshare --uts bash -c "hostname host1; exec \"\$@\"" bash \
  mpirun -np "$hosts" --host "$list" --map-by node --mca plm_rsh_agent "$scratch/agent" --mca btl tcp,self --mca pml ob1 \
  --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 "$program" "$@" | sed "s/{\"bench\": \"overlap\"/&, \"link\": \"$rate\"/"
