#!/usr/bin/env bash
# Two hosts as network namespaces, a cable between them that is pulled for five seconds while a graph
# runs, and somebody who listens to every packet. As root, with `ip` and python3:
#
#   make test-cable
#
# An agent is started in the other namespace by a script in the place of `ssh`: the edges between the
# hosts are the real ones. Offline no frame may be lost or differ; a live run drops at its source,
# accounts for every frame, and shows none that is older than its budget.
set -euo pipefail
tool=$(realpath "${1:-.build/release/personalive}")
if [ "$(id -u)" != 0 ] || ! ip netns add plcable 2>/dev/null; then
    echo "SKIPPED: network namespaces are not permitted here" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'ip netns del plcable 2>/dev/null; ip link del plcable0 2>/dev/null; rm -rf "$work"' EXIT
ip link add plcable0 type veth peer name plcable1
ip link set plcable1 netns plcable
ip addr add 10.88.0.1/24 dev plcable0
ip link set plcable0 up
ip -n plcable addr add 10.88.0.2/24 dev plcable1
ip -n plcable link set plcable1 up
ip -n plcable link set lo up

cat >"$work/ssh" <<END
#!/bin/sh
export SSH_CONNECTION="10.88.0.1 40000 10.88.0.2 22"
exec ip netns exec plcable $tool agent
END
chmod +x "$work/ssh"

graph() {
    cat <<END
$1
machines:
  far: { ssh: somebody@far }
nodes:
  camera: { use: test-source, with: { bytes: 65536, count: 600, rate: 50, numbered: true } }
  stage: { use: test-stage, machine: far, in: { data: { from: camera.data, keep: $2 } } }
  film:
    use: test-sink
    in: { data: { from: stage.data, keep: $2 } }
    with: { list: $work/list.txt }
END
}

failed=0
for mode in offline live; do
    if [ $mode = live ]; then
        graph $'mode: live\nlatency_budget: 900ms' newest >"$work/graph.yaml"
    else
        graph '' all >"$work/graph.yaml"
    fi
    rm -f "$work/heard"
    exec {ear}> >(exec python3 "$(dirname "$0")/Machines/listen.py" plcable0 >"$work/heard")
    listener=$!
    until [ -s "$work/heard" ]; do sleep 0.05; done
    (exec {ear}>&-; sleep 5; ip link set plcable0 down; sleep 5; ip link set plcable0 up) &
    cable=$!
    PATH="$work:$PATH" timeout 120 "$tool" run "$work/graph.yaml" --json --quiet --ignore-budget \
        >"$work/run.json" {ear}>&- || failed=1
    wait $cable
    exec {ear}>&-
    wait $listener
    python3 - "$mode" "$work" <<'END' || failed=1
import json, sys
mode, work = sys.argv[1:]
run = json.load(open(f"{work}/run.json"))
heard = json.loads(open(f"{work}/heard").read().splitlines()[-1])
total, clear = heard["bytes"], heard["clear"]
lines = [line.split() for line in open(f"{work}/list.txt")]
whole = len({line[1] for line in lines}) == len(lines) == run["frames_out"]
good = whole and run["frames_unaccounted"] == 0 and clear == 0 and total > 1_000_000
good = good and (run["frames_out"] == 600 if mode == "offline" else run["age"]["p99_ms"] < 900)
print(f"{mode}: {run['frames_out']} of {run['frames_in']} frames, "
      f"age p99 {run['age']['p99_ms']:.0f} ms, {run['frames_unaccounted']} unaccounted for, "
      f"{total / 1e6:.1f} MB on the cable, {clear} packets in clear: {'good' if good else 'BROKEN'}")
for drop in run["dropped"]:
    print(f"  {drop['count']:4d} {drop['place']}: {drop['reason']}")
sys.exit(0 if good else 1)
END
done
exit $failed
