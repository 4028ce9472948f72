#!/usr/bin/env bats
# The connection to the broker breaks, again and again. DAVIT_FLAPS: how often (1000).

bats_require_minimum_version 1.5.0
load davitd
load broker

setup_file() {
    hostile_up
}

teardown_file() {
    hostile_down
}

setup() {
    hostile_test
}

teardown() {
    hostile_test_end
}

@test "1000 broken connections: the last document is applied, no container notices, memory is flat" {
    local davitd link before_davitd before_link i flaps=${DAVIT_FLAPS:-1000}
    davitd=$(davitd_pid) link=$(child davit-link)
    mode flap 100 # what it needs for its first reconnections is its own
    within 120 cut_all 100
    within 30 online
    works 2
    before_davitd=$(private_kb "$davitd") before_link=$(private_kb "$link")
    mode flap "$flaps"
    for ((i = 3; i < 9000 && $(cuts) < flaps; i++)); do
        put w "$(labelled $i)"
        sleep 0.5
    done
    within 120 cut_all "$flaps"
    within 30 online
    works $i
    same_davitd "$davitd"
    [ "$(child davit-link)" = "$link" ] || { grep -a "davit-link:* \(it\|exited\|killed\|has\|ended\|was\)\|started again\|answered\|ends" "$N/davitd.log" | tail -n 20; false; }
    flat "$davitd" "$before_davitd" 450 # the newest 256 events are remembered, and fill up meanwhile
    flat "$link" "$before_link" 300
    no_flood 100
}
