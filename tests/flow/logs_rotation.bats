#!/usr/bin/env bats
# Logs are rotated, and no line is lost or doubled by it.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    printf '[logs]\nmax_size = 2M\nmax_files = 8\n' >"$DIR/logs.conf"
    flow_node --conf "$DIR/logs.conf"
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

# A pod that writes LINES numbered lines of 120 bytes, and then says so and goes on.
writer() { # NAME LINES [JQ]
    put "$1" "$(shell "until [ -e /out/go ]; do sleep 0.1; done; yes 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' | head -n $2 | nl -w 8 -s ' '; echo done; exec sleep 1000") | ${3:-.}"
}

log_folder() { # NAME
    echo "$N"/state/logs/default_"$1"_*/main
}

files() { # NAME
    find "$(log_folder "$1")" -name '0.log*' | wc -l
}

# Numbered lines, from FIRST to LAST, each once, in order.
numbered() { # FILE FIRST LAST
    awk -v next_one="$2" -v last="$3" '/^ *[0-9]+ x/ { if ($1 != next_one) { print "line " $1 " in the place of " next_one; exit 1 } next_one++ }
        END { if (next_one != last + 1) { print "the last one is " next_one - 1; exit 1 } }' "$1"
}

writes_done() {
    tail -qn 1 "$(log_folder "$1")"/0.log* 2>/dev/null | grep -q 'F done$'
}

is_rotated() { # NAME: the file that is written is within its size
    [ "$(stat -c %s "$(log_folder "$1")"/0.log)" -le 2200000 ]
}

# In bursts that are smaller than what is kept: who reads, and who rotates, is as slow as this machine has it.
@test "60 MB that are written fast, and followed: every line once, in order; what is kept has a cap" {
    put r1 "$(shell "i=0; while [ \$i -lt 20 ]; do until [ -e /out/go\$i ]; do sleep 0.02; done
        yes 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' |
        head -n 25000 | nl -w 8 -s ' ' -v \$((i * 25000 + 1)); i=\$((i + 1)); done; echo done; exec sleep 1000")"
    running r1
    node davit logs r1 -f >"$OUT/followed" &
    local follower=$! burst
    for burst in $(seq 0 19); do
        touch "$OUT/go$burst"
        within 60 has_file "$OUT/followed" $((burst * 25000 + 25000))
        within 20 is_rotated r1
    done
    within 120 writes_done r1
    within 30 grep -q '^done$' "$OUT/followed"
    numbered "$OUT/followed" 1 500000
    [ "$(files r1)" = 8 ]
    [ "$(du -sm "$(log_folder r1)" | cut -f1)" -le 60 ]
    tombstone r1
    wait $follower
    within 10 silent "$T/state/default/pods/r1"
    [ ! -e "$(log_folder r1)" ]
}

@test "whole, --tail and --since go over the files" {
    writer r2 40000
    running r2
    touch "$OUT/go"
    within 60 writes_done r2
    within 10 eval '[ "$(files r2)" -ge 2 ]'
    node davit logs r2 >"$OUT/whole"
    numbered "$OUT/whole" 1 40000
    node davit logs r2 --tail 30001 >"$OUT/tail"
    numbered "$OUT/tail" 10001 40000
    [ "$(wc -l <"$OUT/tail")" = 30001 ]
    node davit logs r2 --since 1h >"$OUT/since"
    numbered "$OUT/since" 1 40000
    drop r2
}

@test "davit-runtime killed between the renaming and the reopening: its successor has conmon open the new log" {
    writer r3 20000
    running r3
    local runtime container
    runtime=$(child davit-runtime)
    kill -STOP "$runtime"
    # As the killed one left it: renamed, and conmon does not know.
    mv "$(log_folder r3)/0.log" "$(log_folder r3)/0.log.1"
    kill -KILL "$runtime"
    touch "$OUT/go"
    within 30 writes_done r3
    within 10 test -e "$(log_folder r3)/0.log"
    node davit logs r3 >"$OUT/whole"
    numbered "$OUT/whole" 1 20000
    container=$(held "$T/state/default/pods/r3" | jq .restarts)
    [ "$container" = 0 ]
    drop r3
}

@test "a restart of the attempt: -p has the rotated files of the one before, and with the next they go" {
    put r4 "$(shell "n=\$(cat /out/n 2>/dev/null || echo 0); echo \$((n + 1)) >/out/n; [ \$n -lt 2 ] || exec sleep 1000
        yes 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' | head -n 30000 | nl -w 8 -s ' '; sleep 1; exit 1")"
    state r4 '.restarts == 1' 60
    within 20 node davit logs r4 -p
    state r4 '.restarts == 2 and .ready == 1' 60
    node davit logs r4 -p >"$OUT/previous"
    numbered "$OUT/previous" 1 30000
    [ "$(find "$(log_folder r4)" -name '0.log*' | wc -l)" = 0 ]
    [ "$(find "$(log_folder r4)" -name '1.log*' | wc -l)" -ge 2 ]
    drop r4
}

@test "nothing is done where nothing is written" {
    put r5
    running r5
    sleep 1
    local pid before after
    pid=$(child davit-runtime)
    switches() { cat /proc/"$pid"/task/*/status | awk '/^voluntary_ctxt/ { all += $2 } END { print all }'; }
    before=$(switches)
    sleep 8
    after=$(switches)
    [ $((after - before)) -le 4 ] || { echo "$before $after"; return 1; }
    drop r5
}

@test "followed over the broker while it is rotated: every line once, in order" {
    writer r6 60000
    running r6
    node env -u DAVIT_CONTROL davit logs r6 -f >"$OUT/followed" &
    local follower=$!
    within 10 node env -u DAVIT_CONTROL davit ping
    sleep 1
    touch "$OUT/go"
    within 120 grep -q '^done$' "$OUT/followed"
    numbered "$OUT/followed" 1 60000
    tombstone r6
    wait $follower
    within 10 silent "$T/state/default/pods/r6"
}
