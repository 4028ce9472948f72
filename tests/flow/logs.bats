#!/usr/bin/env bats
# davit logs, on the device: kubectl's flags and words.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    flow_node
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

contains() {
    [[ $output == *"$1"* ]] || { echo "$output"; return 1; }
}

@test "a log is printed whole, its last lines, what is newer, and with times" {
    put l1 '.spec.containers[0].command = ["sh", "-c", "seq 1 50; echo err >&2; exec sleep 1000"]'
    running l1
    within 5 logged l1 err
    run -0 --separate-stderr node davit logs l1
    [ "$(wc -l <<<"$output")" = 51 ]
    [ "${lines[0]}" = 1 ]
    [ "${lines[50]}" = err ]
    [ -z "$stderr" ]
    run -0 node davit logs pod/l1 --tail 2
    [ "$output" = $'50\nerr' ]
    run -0 --separate-stderr node davit logs pod/l1 --tail=-1
    [ "$output" = "$(node davit logs pod/l1)" ]
    run -0 node davit logs l1 --tail=0
    [ -z "$output" ]
    run -0 node davit logs l1 --timestamps --tail 1
    [[ $output =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+[^\ ]*\ err$ ]]
    run -0 node davit logs l1 --limit-bytes 4
    [ "$output" = $'1\n2' ]
    run -0 node davit logs l1 --since 1h
    [ "$(wc -l <<<"$output")" = 51 ]
    sleep 1.5
    run -0 node davit logs l1 --since 1s
    [ -z "$output" ]
    drop l1
}

@test "-f goes on until the container ends, and loses no line" {
    put l2 '.spec.restartPolicy = "Never" | .spec.containers[0].command =
        ["sh", "-c", "for i in $(seq 1 2000); do echo line $i; [ $((i % 100)) != 0 ] || sleep 0.1; done"]'
    state l2 '.state == "Running" or .state == "Succeeded"'
    within 5 node davit logs l2 --tail 0
    run -0 timeout 30 bash -c ". '$N/env'; davit logs l2 -f"
    [ "$(grep -c '^line ' <<<"$output")" = 2000 ]
    [ "${lines[1999]}" = "line 2000" ]
    drop l2
}

@test "-p is the attempt before, -c a container, and the first is said where there are more" {
    put l3 '.spec.containers[0].command = ["sh", "-c", "[ -e /d/x ] && echo second && exec sleep 1000; touch /d/x; echo first; exit 1"] |
        .spec.containers[0].volumeMounts = [{name: "d", mountPath: "/d"}] | .spec.volumes = [{name: "d", emptyDir: {}}] |
        .spec.containers += [{name: "side", image: "demo:1", command: ["sh", "-c", "echo beside; exec sleep 1000"]}]'
    state l3 '.restarts == 1 and .ready == 1'
    within 5 logged l3 second
    run -0 --separate-stderr node davit logs l3
    [ "$output" = second ]
    [ "$stderr" = 'Defaulted container "main" out of: main, side' ]
    run -0 --separate-stderr node davit logs l3 -p
    [ "$output" = first ]
    run -0 node davit logs l3 -c side
    [ "$output" = beside ]
    run -4 node davit logs l3 -c side -p
    contains 'previous terminated container "side" in pod "l3" not found'
    run -4 node davit logs l3 -c none
    contains "container none is not valid for pod l3"
    drop l3
}

# more WAY: a pod of two containers and an initContainer, and another one with the same label
more() {
    local way=$1
    run -0 --separate-stderr node davit logs m1 main --tail 1 "$way"
    [ "$output" = "main of m1" ]
    run -0 --separate-stderr node davit logs pod m1 -c side "$way"
    [ "$output" = "side of m1" ]
    run -0 --separate-stderr node davit logs m1 --all-containers "$way"
    [ "$output" = $'first of m1\nmain of m1\nside of m1' ] || { echo "$output"; return 1; }
    [ -z "$stderr" ]
    run -0 --separate-stderr node davit logs pod/m1 --all-containers=true --prefix=true "$way"
    [ "$output" = $'[pod/m1/first] first of m1\n[pod/m1/main] main of m1\n[pod/m1/side] side of m1' ] || { echo "$output"; return 1; }
    run -0 --separate-stderr node davit logs -l line=7 -c main --prefix "$way"
    [ "$output" = $'[pod/m1/main] main of m1\n[pod/m2/main] '"$(seq -s $'\n[pod/m2/main] ' 21 29)"$'\n[pod/m2/main] 30' ] || { echo "$output"; return 1; }
    run -0 --separate-stderr node davit logs -l line=7 -c main --tail 1 "$way"
    [ "$output" = $'main of m1\n30' ]
    run -4 node davit logs -l line=8 "$way"
    contains 'no pod in namespace "default" has the labels line=8'
    run -4 node davit logs nothing --all-containers "$way"
    contains 'pods "nothing" not found'
}

@test "of all containers, and of all pods with a label" {
    put m1 '.metadata.labels = {line: "7"} | .spec.initContainers = [{name: "first", image: "demo:1", command: ["echo", "first of m1"]}] |
        .spec.containers[0].command = ["sh", "-c", "echo main of m1; exec sleep 1000"] |
        .spec.containers += [{name: "side", image: "demo:1", command: ["sh", "-c", "printf \"side of m1\"; exec sleep 1000"]}]'
    put m2 '.metadata.labels = {line: "7"} | .spec.containers[0].command = ["sh", "-c", "seq 1 30; exec sleep 1000"]'
    state m1 '.state == "Running" and .containersReady == 2'
    running m2
    within 5 logged m1 main
    within 5 logged m2 30
    more --control="$N/run/control.sock"
    more --node=n
    run -2 node davit logs m1 --all-containers -c main
    contains "-c NAME or --all-containers?"
    run -2 node davit logs m1 -l line=7
    contains "the name of a pod, or -l LABELS?"
    run -2 node davit logs deploy/m1 --all-containers
    contains "--all-containers is of a pod"
    run -2 node davit logs m1 --prefix=yes
    contains "--prefix=yes: true or false"
    drop m1 m2
}

gone() { # PID...
    local pid
    for pid in "$@"; do
        [ ! -e "/proc/$pid" ] || return 1
    done
}

@test "over the broker a log takes no longer than its lines" {
    put l5 '.spec.containers[0].command = ["sh", "-c", "echo here; exec sleep 1000"]'
    running l5
    within 5 logged l5 here
    local began
    began=$(date +%s%N)
    for _ in 1 2 3 4 5; do
        run -0 node davit logs l5 --node n
        [ "$output" = here ]
    done
    [ $((($(date +%s%N) - began) / 1000000)) -lt 7000 ] # each once ended 2 s after its last line
    drop l5
}

@test "-f of several is told line by line, ends with them, and leaves no process behind who stops to read" {
    local name readers
    for name in f1 f2; do
        put $name '.metadata.labels = {line: "9"} | .spec.restartPolicy = "Never" | .spec.containers[0].command =
            ["sh", "-c", "until [ -e /go/'$name' ]; do sleep 0.1; done; for i in $(seq 1 500); do echo $i; done"] |
            .spec.containers[0].volumeMounts = [{name: "go", mountPath: "/go"}] | .spec.volumes = [{name: "go", hostPath: {path: $out}}]'
        running $name
    done
    for name in --control="$N/run/control.sock" --node=n; do
        (. "$N/env" && exec davit logs -f -l line=9 "$name" >"$OUT/many") &
        within 10 pgrep -P $! -x davit
        readers=$(pgrep -P $! -x davit)
        kill -KILL $!
        wait $! || true
        # shellcheck disable=SC2086 # a list
        within 10 gone $readers
    done
    node davit logs -f -l line=9 --prefix --tail=-1 --node n >"$OUT/many" &
    touch "$OUT/f1"
    within 20 grep -qxF "[pod/f1/main] 500" "$OUT/many"
    touch "$OUT/f2"
    wait $!
    [ "$(grep -cE '^\[pod/f[12]/main\] [0-9]+$' "$OUT/many")" = 1000 ]
    [ "$(wc -l <"$OUT/many")" = 1000 ]
    drop f1 f2
}

@test "what cannot be had is said" {
    run -4 node davit logs nothing
    contains 'pods "nothing" not found'
    put l4 '.spec.containers[0].image = "none:1" | .spec.containers[0].imagePullPolicy = "Never"'
    state l4 '.reason == "ErrImageNeverPull"'
    run -4 node davit logs l4
    contains 'container "main" in pod "l4" has not started yet'
    run -2 node davit logs
    run -2 node davit logs l4 --tail x
    contains "--tail=x is no number"
    run -2 node davit logs l4 --since 1y
    contains "--since=1y is no time"
    drop l4
}
