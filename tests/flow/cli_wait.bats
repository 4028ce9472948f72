#!/usr/bin/env bats
# davit wait; mosquitto_pub plays the nodes.

bats_require_minimum_version 1.5.0
load cli_lib

node_ready() { # NODE True|False
    say "$DAVIT_ROOT/nodes/$1/status" '{"kind":"Node","apiVersion":"v1","metadata":{"name":"'"$1"'"},"status":{"conditions":[{"type":"Ready","status":"'"$2"'"}]}}'
}

later() { # CMD…: while a wait is under way
    { sleep 0.7; "$@"; } 3>&- &
    TASKS+=($!)
}

@test "a condition, a path and a deletion are waited for" {
    online press-7
    pod_status press-7 default hello 5 False
    later pod_status press-7 default hello 6 True
    run -0 davit wait pod/hello --for condition=Ready --timeout 20s
    [ "$output" = "pod/hello on press-7 condition met" ]
    run -0 davit wait pods --all --for condition=ready=true --timeout 5s # as kubectl takes it
    run -0 davit wait pod hello --for jsonpath='{.status.phase}'=Running
    run -0 davit wait pod hello --for jsonpath='{.status.phase}'
    run -0 davit wait pod/nobody --for delete --timeout 5s
    later clear_topic "$NODE/status/default/pods/hello"
    run -0 davit wait pod/hello --for delete --timeout 20s
    [ "$output" = "pod/hello on press-7 deleted" ]
}

@test "what is not reached in time is named, with exit code 5; what nobody has with 4" {
    online press-7
    pod_status press-7 default hello 5 False
    run -5 davit wait pod/hello --for condition=Ready --timeout 1s
    contains "pod/hello on press-7"
    contains "1 of 1 are not there yet"
    run -4 davit wait pod/nobody --for condition=Ready --timeout 1
    run -0 davit wait pod/hello --for condition=Ready=False --timeout 1
    run -4 davit wait pod/hello pod/nobody --for condition=Ready=False --timeout 1
}

@test "nodes and fleets are waited for, and what a node said before it went is no proof" {
    local each
    for each in press-7 press-8; do
        online $each
        node_ready $each True
        pod_status $each default web 5 True
    done
    run -0 davit wait node/press-7 --for condition=Ready
    [ "$output" = "node/press-7 condition met" ]
    run -0 davit wait pod/web --for condition=Ready --nodes 'press-*'
    [ "${#lines[@]}" = 2 ]
    say "$DAVIT_ROOT/nodes/press-8/presence" '{"v":1,"online":false}'
    run -5 davit wait node/press-8 --for condition=Ready --timeout 1
    run -5 davit wait pod/web --for condition=Ready --nodes 'press-*' --timeout 1
    contains "pod/web on press-8: its node is not reached"
    later online press-8
    run -0 davit wait nodes press-7 press-8 --for condition=Ready --timeout 20s
}

@test "a goal that is none is said" {
    run -2 davit wait pod/hello
    contains "wait for what?"
    run -2 davit wait pod/hello --for ready
    run -2 davit wait pod/hello --for jsonpath=.status
    run -2 davit wait pod/hello --for condition=
    run -2 davit wait pod/hello --for delete --timeout soon
    contains "is no time"
    run -2 davit wait --for delete
}
