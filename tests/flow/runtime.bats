#!/usr/bin/env bats
# davit-runtime with the fake plugin: lanes, deadlines, ends and refusals. See runtime-lib.bash.

bats_require_minimum_version 1.5.0
load runtime-lib.bash

@test "calls of one lane keep their order, and a call without one runs beside them" {
    {
        echo "until opened"
        call create A "$(doc "$UID1" web 0 '["slow-create","300"]')"
        call start A "$(ref "$UID1" web 0)"
        call create B "$(doc "$UID2" web 0 '["run"]')"
        call list - ""
        echo "wait all"
    } | play "$FAKE" > "$NODE/out"
    run -0 grep -o '"id":[0-9]*,"ok":[a-z]*' "$NODE/out"
    [ "${lines[2]}" = '"id":1,"ok":true' ]
    [ "${lines[3]}" = '"id":2,"ok":true' ]
    grep -q '"id":4' "$NODE/out"
}

@test "a call over its deadline is answered as such, waiting or running, and the lane goes on after it" {
    {
        echo "until opened"
        echo "call create A 100 $(doc "$UID1" web 0 '["slow-create","600"]')"
        echo "call start A 200 $(ref "$UID1" web 0)"
        echo "wait 1"
        echo "wait 2"
        call start A "$(ref "$UID1" web 0)"
        echo "wait 3"
    } | play "$FAKE" > "$NODE/out"
    run -0 grep -c '"result":"deadline","reason":"DeadlineExceeded"' "$NODE/out"
    [ "$output" = 2 ]
    grep -q '"id":3,"ok":true' "$NODE/out"
}

@test "the fake's containers behave as their commands say" {
    {
        echo "until opened"
        call create "$UID1" "$(doc "$UID1" bad 0 '["fail-create"]')"
        echo "wait 1"
        go "$UID1" worse 0 '["fail-start"]'
        go "$UID1" ends 0 '["exit","7","50"]'
        echo 'until "exitCode":7'
        go "$UID1" stays 0 '["stubborn"]'
        call stop "$UID1" "$(ref "$UID1" stays 0)"
        call remove "$UID1" "$(ref "$UID1" stays 0)"
        call stop "$UID1" "$(ref "$UID1" stays 0 ',"force":true')"
        call remove "$UID1" "$(ref "$UID1" stays 0)"
        call explode A "{}"
        echo "wait all"
    } | play "$FAKE" > "$NODE/out"
    grep -q '"reason":"CreateContainerError".*"id":1' "$NODE/out"
    grep -q '"reason":"RunContainerError".*"id":3' "$NODE/out"
    grep -q '"reason":"StillRunning"' "$NODE/out"
    grep -q '"signal":9' "$NODE/out"
    grep -q '"result":"invalid","reason":"Unsupported".*"id":12' "$NODE/out"
}

@test "the host ends at once when its parent is gone, whatever it was doing" {
    local before after
    before=$(date +%s%N)
    printf 'until opened\n%s\nsleep 50\n' "$(call create A "$(doc "$UID1" web 0 '["slow-create","8000"]')")" |
        play "$FAKE" > "$NODE/out"
    after=$(date +%s%N)
    grep -q '"exit":0' "$NODE/out"
    [ $(((after - before) / 1000000)) -lt 3000 ]
}

@test "what is no frame ends the host with a line in the log" {
    printf 'until opened\nraw GET / HTTP/1.1 and so on\nsleep 300\n' | play "$FAKE" > "$NODE/out" 2> "$NODE/err"
    grep -q '"exit":1' "$NODE/out"
    grep -q 'cannot understand' "$NODE/err"
}

@test "a plugin with another ABI, without the symbol, too small, or absent is refused by name" {
    cat > "$NODE/p.c" <<'END'
#include <stdint.h>
#ifdef SYMBOL
const struct { uint32_t abi, size; const char *name; } davit_runtime_plugin = {ABI, SIZE, "odd"};
#endif
int unused;
END
    cc -shared -fPIC -o "$NODE/none.so" "$NODE/p.c"
    cc -shared -fPIC -DSYMBOL -DABI=2 -DSIZE=4096 -o "$NODE/abi2.so" "$NODE/p.c"
    cc -shared -fPIC -DSYMBOL -DABI=1 -DSIZE=16 -o "$NODE/small.so" "$NODE/p.c"
    local plugin
    for plugin in none abi2 small absent; do
        echo 'until refused' | play "$NODE/$plugin.so" > "$NODE/out"
        grep -q "\"op\":\"refused\".*$plugin.so" "$NODE/out"
        grep -q '"exit":1' "$NODE/out"
    done
    echo 'until refused' | play "$NODE/abi2.so" | grep -q UnsupportedAbi
}
