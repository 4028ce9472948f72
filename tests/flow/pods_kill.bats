#!/usr/bin/env bats
# Every process of Davit killed with -9 at moments of a whole pod's life: its init container, its sidecar, its hooks, its probes,
# its end. No orphan, no double, no lost exit code; no mount, namespace, address, cgroup or file is left.

bats_require_minimum_version 1.5.0
load davitd
load pods_kill

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
    tombstone probed
    within 40 none_sleeps
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

@test "nothing is left of all these pods" {
    within 20 nothing_is_left || { find "$N/run/crun" "$N/run/netns" -mindepth 1 | head -20; ip -o link | head; return 1; }
}
