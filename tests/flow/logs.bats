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
