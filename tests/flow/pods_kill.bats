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
        # A hook is not asked again by a davitd that finds its container running; a kubelet does not either.
        [ "$1" = davitd ] || [ -s "$OUT/w$i.post" ]
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
    # shellcheck disable=SC2034 # the rest of the line
    read -r bridge rest <"$N/.net"
    [ -z "$(find "$N/run/crun/bundles" "$N/run/crun/netns" "$N/run/crun/exits" "$N/run/crun/pods" "$N/run/netns" \
        "$N/run/netns.state" "$N/state/crun/upper" "$N/state/crun/pods" -mindepth 1 2>/dev/null)" ] &&
        [ -z "$(ip -o link show master "$bridge" 2>/dev/null)" ] &&
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

conmon_of() { # NUMBER: of the container that sleeps so long
    local shell
    shell=$(ps -o ppid= -p "$(sleepers "$1")" | tr -d ' ')
    ps -o ppid= -p "$shell" | tr -d ' '
}

@test "conmon killed: the pod runs on, unsupervised, and ends like any other" {
    local i number pid
    for i in {0..2}; do
        number=$MARK$i
        whole "w$i" "$number" | publish "$T/desired/default/pods/w$i"
        within 40 is_whole "w$i" "$number"
        pid=$(sleepers "${number}1")
        kill -9 "$(conmon_of "${number}1")"
        within 20 holds "$T/status/default/pods/w$i" '.status.conditions[] | select(.type == "Unsupervised") | .status == "True"'
        [ "$(sleepers "${number}1")" = "$pid" ]
        uid_of "w$i" >>"$DIR/uids"
        [ "$i" -ne 1 ] || kill_process davit-runtime
        [ "$i" -ne 2 ] || kill_process davitd
        tombstone "w$i"
        within 40 none_sleeps "${number}1"
        within 40 none_sleeps "$number"
    done
}

@test "a container whose conmon was killed ends as ContainerStatusUnknown" {
    put e0 '.spec.restartPolicy = "Never"'
    within 20 one_sleeps
    local pid
    pid=$(sleepers)
    kill -9 "$(ps -o ppid= -p "$pid" | tr -d ' ')"
    kill -9 "$pid"
    within 20 holds "$T/status/default/pods/e0" '.status.containerStatuses[0].state.terminated | .exitCode == 137 and .reason == "ContainerStatusUnknown"'
    uid_of e0 >>"$DIR/uids"
    tombstone e0
    within 20 silent_now e0
}

silent_now() { # NAME: the broker holds nothing of it
    [ -z "$(held "$T/state/default/pods/$1")" ]
}

@test "crun killed while it creates, starts and removes" {
    local i number end
    for i in {0..4}; do
        number=$MARK$i
        whole "w$i" "$number" | publish "$T/desired/default/pods/w$i"
        end=$((SECONDS + 2))
        while [ $SECONDS -lt $end ]; do
            pkill -9 -f "^/usr/bin/crun .*$N/run" && break
        done
        within 60 is_whole "w$i" "$number"
        uid_of "w$i" >>"$DIR/uids"
        tombstone "w$i"
        end=$((SECONDS + 2))
        while [ $SECONDS -lt $end ]; do
            pkill -9 -f "^/usr/bin/crun .*$N/run.* delete" && break
        done
        within 60 none_sleeps "${number}1"
        within 60 none_sleeps "$number"
    done
}

is_traced() {
    grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$1/status"
}

has_gone() {
    [ ! -e "/proc/$1" ]
}

# at_calls PROCESS CALLS COUNT...: PROCESS is killed as it enters its COUNTth call of these, while a pod comes, and as it ends.
at_calls() {
    local program=$1 calls=$2 number count pid tracer what
    shift 2
    for count in "$@"; do
        number=$MARK$count
        for what in comes ends; do
            within 40 process_of "$program"
            pid=$(process_of "$program")
            strace -f -qq -o /dev/null -e trace="$calls" -e inject="$calls:signal=SIGKILL:when=$count" -p "$pid" 3>&- &
            tracer=$!
            within 10 is_traced "$pid"
            if [ $what = comes ]; then
                whole "c$count" "$number" | publish "$T/desired/default/pods/c$count"
            else
                tombstone "c$count"
            fi
            # One that does not call so often lives on.
            within 5 has_gone "$pid" >/dev/null || true
            kill "$tracer" 2>/dev/null || true
            wait "$tracer" || true
            [ "$program" != davitd ] || devnode_do davitd_runs || devnode_do davitd_start
            if [ $what = comes ]; then
                within 40 is_whole "c$count" "$number"
                uid_of "c$count" >>"$DIR/uids"
            fi
        done
        within 40 none_sleeps "${number}1"
        within 40 none_sleeps "$number"
    done
}

process_of() {
    if [ "$1" = davitd ]; then
        davitd_pid
    else
        child "$1"
    fi
}

@test "davitd killed at each of its commits" {
    at_calls davitd fdatasync 1 2 3 4 5
}

@test "davit-net killed at what it says to the kernel" {
    at_calls davit-net sendmsg,sendto 1 2 4 6 9 12 15 19
}

@test "nothing is left of all these pods" {
    # An address whose pod ended while davitd was away is given back, with its namespace, a minute later.
    within 90 nothing_is_left || { find "$N/run/crun" "$N/run/netns" -mindepth 1 | head -20; ip -o link | head; return 1; }
}
