#!/usr/bin/env bats
# Every process of Davit killed with -9 at moments of a whole pod's life: its init container, its sidecar, its hooks, its probes,
# its end. No orphan, no double, no lost exit code; no mount, namespace, address, cgroup or file is left.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    flow_node
    record_stop # each test looks at what the broker holds: a killed davitd may say nothing for a while
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

# whole NAME NUMBER: a pod with everything that takes time.
whole() {
    pod "$1" ".spec = {terminationGracePeriodSeconds: 3, volumes: [{name: \"out\", hostPath: {path: \$out}},
            {name: \"m\", emptyDir: {medium: \"Memory\"}}, {name: \"c\", downwardAPI: {items: [{path: \"n\", fieldRef: {fieldPath: \"metadata.name\"}}]}}],
        initContainers: [
            {name: \"init\", image: \"demo:1\", command: [\"sh\", \"-c\", \"sleep 0.05; echo i >>/out/$1.init\"], volumeMounts: [{name: \"out\", mountPath: \"/out\"}]},
            {name: \"side\", image: \"demo:1\", restartPolicy: \"Always\", command: [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep $2 & wait\"]}],
        containers: [{name: \"main\", image: \"demo:1\", command: [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep ${2}1 & wait\"],
            ports: [{containerPort: 80, hostPort: (20000 + (\"$2\" | tonumber) % 5000)}],
            volumeMounts: [{name: \"out\", mountPath: \"/out\"}, {name: \"m\", mountPath: \"/m\"}, {name: \"c\", mountPath: \"/c\"},
                {name: \"m\", mountPath: \"/sub\", subPath: \"x\"}],
            readinessProbe: {exec: {command: [\"true\"]}, periodSeconds: 1}, livenessProbe: {exec: {command: [\"true\"]}, periodSeconds: 1},
            lifecycle: {postStart: {exec: {command: [\"sh\", \"-c\", \"sleep 0.05; echo p >>/out/$1.post\"]}},
                preStop: {exec: {command: [\"sh\", \"-c\", \"sleep 0.05; echo s >>/out/$1.stop\"]}}}}]}"
}

kill_process() { # davitd, or one of its children, which may be on its way up again
    local pid
    if [ "$1" = davitd ]; then
        kill -9 "$(davitd_pid)" 2>/dev/null || true
        devnode_do davitd_start
    elif pid=$(child "$1"); then
        kill -9 "$pid" 2>/dev/null || true
    fi
}

is_whole() { # NAME NUMBER
    holds "$T/state/default/pods/$1" '.state == "Running" and .ready == 1' && one_sleeps "$2" && one_sleeps "${2}1"
}

has_ended() { # NAME CODE
    holds "$T/status/default/pods/$1" ".status.containerStatuses[0].state.terminated.exitCode == $2"
}

uid_of() {
    held "$T/status/default/pods/$1" | jq -r .metadata.uid
}

# six_moments PROCESS: kills it 0 to 500 ms after a pod was published, and after it was deleted.
six_moments() {
    local i number
    for i in {0..5}; do
        number=$MARK$i
        whole "w$i" "$number" | publish "$T/desired/default/pods/w$i"
        put "e$i" '.spec.restartPolicy = "Never" | .spec.containers[0].command = ["sh", "-c", "sleep 0.2; exit 7"]'
        sleep "0.$i"
        kill_process "$1"
        within 40 is_whole "w$i" "$number"
        within 40 has_ended "e$i" 7
        uid_of "w$i" >>"$DIR/uids"
        uid_of "e$i" >>"$DIR/uids"
        [ "$(cat "$OUT/w$i.post")" != "" ]
        tombstone "w$i"
        tombstone "e$i"
        sleep "0.$((i * 8 / 10))$((i * 8 % 10))"
        kill_process "$1"
        within 40 none_sleeps "${number}1"
        within 40 none_sleeps "$number"
    done
}

nothing_is_left() {
    local uid bridge rest
    read -r bridge rest <"$N/.net"
    [ -z "$(find "$N/run/crun/bundles" "$N/run/crun/netns" "$N/run/crun/exits" "$N/run/crun/pods" "$N/run/netns" \
        "$N/run/netns.state" "$N/state/crun/upper" "$N/state/crun/pods" -mindepth 1 2>/dev/null)" ] &&
        [ -z "$(ip -4 route show root "$rest" | grep "dev dv")" ] &&
        ! nft list map inet "$bridge" ports4 2>/dev/null | grep -q elements &&
        ! pgrep -f "$N/run/crun/bundles" >/dev/null || return 1
    ! "$TOP/scripts/devnode.sh" exec "$N" grep -E "$N/(run/crun/(bundles|pods)|run/netns)/" /proc/self/mountinfo || return 1
    while read -r uid; do
        [ -z "$("$TOP/scripts/devnode.sh" exec "$N" sh -c "ls -d /sys/fs/cgroup/*/davit/$uid /sys/fs/cgroup/davit/$uid 2>/dev/null")" ] || return 1
    done <"$DIR/uids"
}

@test "davit-runtime killed at six moments of a pod's life, and of its end" {
    six_moments davit-runtime
}

@test "davit-net killed at six moments of a pod's life, and of its end" {
    six_moments davit-net
}

@test "davit-probe killed at six moments of a pod's life, and of its end" {
    put probed '.spec.containers[0].readinessProbe = {tcpSocket: {port: 9}, periodSeconds: 1}'
    within 40 child davit-probe # davit-net, killed so often just before, comes back after a while
    six_moments davit-probe
    drop probed
}

@test "davit-link killed at six moments of a pod's life, and of its end" {
    six_moments davit-link
}

@test "davitd killed at six moments of a pod's life, and of its end" {
    six_moments davitd
}

@test "nothing is left of all these pods" {
    within 20 nothing_is_left || { find "$N/run/crun" "$N/run/netns" -mindepth 1 | head -20; ip -o link | head; return 1; }
}
