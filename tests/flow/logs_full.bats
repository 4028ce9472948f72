#!/usr/bin/env bats
# Logs on a disk that is full.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    mkdir -p "$N/state/logs"
    mount -t tmpfs -o size=6M,mode=700 davit-logs "$N/state/logs"
    printf '[logs]\nmax_size = 1M\nmax_files = 8\n' >"$DIR/logs.conf"
    flow_node --conf "$DIR/logs.conf"
}

teardown_file() {
    flow_end
    umount -l "$N/state/logs" 2>/dev/null || true
}

setup() {
    flow_test
}

@test "a full disk ends no container, and logs go on when there is room" {
    put f1 "$(shell "until [ -e /out/go ]; do sleep 0.1; done; yes 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' | head -n 80000; echo full; until [ -e /out/more ]; do sleep 0.1; done; echo more; exec sleep $MARK")"
    running f1
    fallocate -l 4M "$N/state/logs/ballast"
    touch "$OUT/go"
    full() { [ "$(df --output=avail -k "$N/state/logs" | tail -1)" -lt 1000 ]; }
    within 30 full
    sleep 3
    running f1
    state f1 '.restarts == 0'
    rm "$N/state/logs/ballast"
    touch "$OUT/more"
    within 20 one_sleeps
    # conmon's last line before was cut in the middle, and this one follows it without a newline.
    last() { node davit logs f1 --tail 1 | grep -q 'more$'; }
    within 20 last
    state f1 '.restarts == 0 and .ready == 1'
    drop f1
}
