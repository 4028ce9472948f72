#!/usr/bin/env bats
# davit-runtime with the fake and the crun plugin; real conmon, crun, overlayfs and cgroups. DAVIT_BUILD names the build
# folder (default: build beside the sources); needs davit-runtime, the plugins and runtimedrive built there. Root only.

bats_require_minimum_version 1.5.0

setup_file() {
    BUILD=$(cd "${DAVIT_BUILD:-$BATS_TEST_DIRNAME/../../build}" && pwd) || return 1
    export BUILD
    export HOST="$BUILD/davit-runtime" DRIVE="$BUILD/runtimedrive"
    export CRUN="$BUILD/.libs/crun.so" FAKE="$BUILD/.libs/fake.so"
    [ "$(id -u)" = 0 ] || { echo "these tests need root" >&2; return 1; }
    [ -x "$HOST" ] || { echo "no $HOST: build it, or set DAVIT_BUILD" >&2; return 1; }
    [ -x "$DRIVE" ] || make -C "$BUILD" runtimedrive >&2 || return 1
    DIR=$(mktemp -d)
    export DIR
    make_layers
    # One mount namespace for the whole file: what one host mounts, the next one must see. crun refuses a hybrid cgroup tree.
    unshare -m --propagation private sh -c 'if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
        mkdir -p "$1/run"; mount -t tmpfs tmpfs "$1/run"; : > "$1/ready"; exec sleep 3600' sh "$DIR" 3>&- &
    echo $! > "$DIR/holder"
    local tries=0
    until [ -e "$DIR/ready" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
    [ -e "$DIR/ready" ]
}

teardown_file() {
    in_ns umount -R "$DIR/run" 2>/dev/null || true
    kill "$(cat "$DIR/holder")"
    rm -rf "$DIR"
}

setup() {
    NODE="$DIR/$BATS_TEST_NUMBER"
    UID1=$(cat /proc/sys/kernel/random/uuid)
    UID2=$(cat /proc/sys/kernel/random/uuid)
    mkdir -p "$NODE"
    RUN="$DIR/run/$BATS_TEST_NUMBER"
    printf '{"node":"t","stateDir":"%s/state","runDir":"%s","logDir":"%s/logs","options":{}}' "$NODE" "$RUN" "$NODE" \
        > "$NODE/config.json"
}

make_layers() {
    local applet
    mkdir -p "$DIR/layers/1/bin" "$DIR/layers/1/etc" "$DIR/layers/1/tmp" "$DIR/layers/2/data"
    cp "$(command -v busybox)" "$DIR/layers/1/bin/busybox"
    for applet in sh sleep echo cat ls id env touch hostname readlink grep; do
        ln -s busybox "$DIR/layers/1/bin/$applet"
    done
    echo 'web:x:33:33::/:/bin/sh' > "$DIR/layers/1/etc/passwd"
    echo second > "$DIR/layers/2/data/file"
}

in_ns() { nsenter -m -t "$(cat "$DIR/holder")" -- "$@"; }

# play PLUGIN: the script comes from stdin.
play() { in_ns "$DRIVE" "$HOST" "$1" "$NODE/config.json"; }

# doc UID CONTAINER ATTEMPT COMMAND [VOLUMEMOUNTS] [VOLUMES] [IMAGE-CONFIG] [LAYERS]
doc() {
    local layers="\"$DIR/layers/1\",\"$DIR/layers/2\"" default="{}"
    printf '{"pod":{"namespace":"default","name":"hello","uid":"%s","hostNetwork":%s},"attempt":%s,' "$1" "${HOST_NETWORK:-false}" "$3"
    printf '"container":{"name":"%s","image":"demo:1","command":%s,"volumeMounts":[%s]},"volumes":[%s],' "$2" "$4" "${5-}" "${6-}"
    printf '"image":{"id":"sha256:00","layers":[%s],"config":%s},"record":{"hash":"h1"}}' "${8-$layers}" "${7-$default}"
}

# ref UID CONTAINER ATTEMPT [MORE]
ref() { printf '{"uid":"%s","container":"%s","attempt":%s%s}' "$1" "$2" "$3" "${4-}"; }

# call NAME LANE DOCUMENT
call() { printf 'call %s %s 30000 %s\n' "$1" "$2" "$3"; }

# go UID CONTAINER ATTEMPT COMMAND …: create and start, in order
go() {
    call create "$1" "$(doc "$@")"
    call start "$1" "$(ref "$1" "$2" "$3")"
}

log_of() { cat "$NODE/logs/default_hello_$1/$2/$3.log"; }

processes_of_node() { pgrep -f -- "$RUN/"; }

# Nothing is left of any workload: processes, mounts, files, cgroups.
assert_nothing_left() {
    local left
    left=$(processes_of_node || true)
    [ -z "$left" ] || { echo "processes left:" >&2; pgrep -af -- "$RUN/" >&2; return 1; }
    left=$(in_ns cat /proc/self/mountinfo | grep -e "$RUN/" -e "$NODE/" || true)
    [ -z "$left" ] || { echo "mounts left: $left" >&2; return 1; }
    left=$(in_ns find "$RUN" "$NODE/state" "$NODE/logs" -mindepth 1 ! -name bundles ! -name exits ! -name crun ! -name netns \
        ! -name crun.lock ! -path "$NODE/state/upper" ! -path "$NODE/state/pods" ! -path "$NODE/state/trash")
    [ -z "$left" ] || { echo "files left: $left" >&2; return 1; }
    left=$(in_ns find /sys/fs/cgroup -type d \( -path "*davit/$UID1*" -o -path "*davit/$UID2*" \))
    [ -z "$left" ] || { echo "cgroups left: $left" >&2; return 1; }
}

assert_all_ok() {
    if grep '"ok":false' "$1" >&2; then return 1; fi
}

# clear_all: what an operator's core would do with everything that list names
clear_all() {
    local out="$NODE/clear.out" uid container attempt
    printf 'until opened\ncall list - 5000 \nwait 1\n' | play "$CRUN" > "$out"
    {
        echo "until opened"
        grep '"instances"' "$out" | grep -o '"uid":"[^"]*","namespace":"[^"]*","pod":"[^"]*","container":"[^"]*"[^}]*"attempt":[0-9]*' |
            sed 's/"uid":"\([^"]*\)".*"container":"\([^"]*\)".*"attempt":\([0-9]*\)/\1 \2 \3/' |
            while read -r uid container attempt; do
                call stop "$uid" "$(ref "$uid" "$container" "$attempt" ',"force":true')"
            done
        echo "wait all"
        echo "sleep 300"
        grep '"instances"' "$out" | grep -o '"uid":"[^"]*","namespace":"[^"]*","pod":"[^"]*","container":"[^"]*"[^}]*"attempt":[0-9]*' |
            sed 's/"uid":"\([^"]*\)".*"container":"\([^"]*\)".*"attempt":\([0-9]*\)/\1 \2 \3/' |
            while read -r uid container attempt; do
                call remove "$uid" "$(ref "$uid" "$container" "$attempt")"
            done
        echo "wait all"
        for uid in "$UID1" "$UID2"; do call release "$uid" "{\"uid\":\"$uid\"}"; done
        echo "wait all"
    } | play "$CRUN" > "$NODE/clear2.out"
    assert_all_ok "$NODE/clear2.out"
}

# ---- the host, with the fake plugin

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
        call create A "$(doc "$UID1" bad 0 '["fail-create"]')"
        echo "wait 1"
        go "$UID1" worse 0 '["fail-start"]'
        go "$UID1" ends 0 '["exit","7","50"]'
        echo 'until "exitCode":7'
        go "$UID1" stays 0 '["stubborn"]'
        call stop A "$(ref "$UID1" stays 0)"
        call remove A "$(ref "$UID1" stays 0)"
        call stop A "$(ref "$UID1" stays 0 ',"force":true')"
        call remove A "$(ref "$UID1" stays 0)"
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

# ---- crun

@test "a container is created, started, ends with its code, and leaves nothing behind" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sh","-c","id -u; hostname; cat /data/file; echo $A; exit 3"]' "" "" \
            '{"Env":["A=from-image"],"User":"web"}'
        echo 'until "state":"exited"'
        call list - ""
        echo "wait 3"
        call remove "$UID1" "$(ref "$UID1" web 0)"
        echo "wait 4"
    } | play "$CRUN" > "$NODE/out"
    grep -q '"exitCode":3,"reason":"Error"' "$NODE/out"
    grep '"instances"' "$NODE/out" | grep -q '"record":{"hash":"h1"}'
    run -0 log_of "$UID1" web 0
    [[ "$output" == *" stdout F 33"*" stdout F hello"*" stdout F second"*" stdout F from-image"* ]]
    clear_all
    assert_nothing_left
}

@test "creating twice makes one, and so does starting twice" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sleep","100"]'
        go "$UID1" web 0 '["sleep","100"]'
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    [ "$(processes_of_node | wc -l)" = 1 ] # its conmon
    clear_all
    assert_nothing_left
}

@test "containers of a pod share its network namespace, pods do not, and hostNetwork has the host's" {
    local command='["sh","-c","readlink /proc/self/ns/net"]'
    {
        echo "until opened"
        go "$UID1" one 0 "$command"
        go "$UID1" two 0 "$command"
        go "$UID2" one 0 "$command"
        HOST_NETWORK=true go "$UID2" host 0 "$command"
        echo "wait all"
        echo "sleep 500"
    } | play "$CRUN" > "$NODE/out"
    ns() { log_of "$@" 0 | grep -o 'net:.*'; }
    [ "$(ns "$UID1" one)" = "$(ns "$UID1" two)" ]
    [ "$(ns "$UID1" one)" != "$(ns "$UID2" one)" ]
    [ "$(ns "$UID2" host)" = "$(readlink /proc/self/ns/net)" ]
    [ "$(ns "$UID1" one)" != "$(ns "$UID2" host)" ]
    clear_all
    assert_nothing_left
}

@test "emptyDir outlives a container, hostPath is what its type says, and read-only is" {
    local mounts='{"name":"e","mountPath":"/e"},{"name":"h","mountPath":"/h","readOnly":true}'
    local volumes='{"name":"e","emptyDir":{}},{"name":"h","hostPath":{"path":"'$NODE'/hp/deep","type":"DirectoryOrCreate"}}'
    {
        echo "until opened"
        go "$UID1" web 0 '["sh","-c","touch /e/kept; touch /h/x || echo denied"]' "$mounts" "$volumes"
        echo 'until "state":"exited"'
        call remove "$UID1" "$(ref "$UID1" web 0)"
        go "$UID1" web 1 '["ls","/e"]' "$mounts" "$volumes"
        echo 'until "state":"exited"'
    } | play "$CRUN" > "$NODE/out"
    log_of "$UID1" web 0 | grep -q denied
    log_of "$UID1" web 1 | grep -q kept
    [ "$(stat -c %a "$NODE/hp")" = 755 ]
    [ "$(stat -c %a "$NODE/state/pods/$UID1/volumes/e")" = 777 ]
    clear_all
    assert_nothing_left
}

@test "a create that fails says why in Kubernetes' words, and leaves nothing" {
    mkdir -p "$NODE/linked"
    ln -s /tmp "$NODE/linked/dev"
    local volumes='{"name":"h","hostPath":{"path":"/etc/passwd","type":"Directory"}}'
    {
        echo "until opened"
        call create "$UID1" "$(doc "$UID1" web 0 '["no-such-program"]')"
        call create "$UID1" "$(doc "$UID1" web 0 '[]')"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' '{"name":"h","mountPath":"/h"}' "$volumes")"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' "" "" '{}' "\"$DIR/layers/1\",\"$NODE/linked\"")"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' "" "" '{"User":"nobody-knows"}')"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' "" "" '{}' "\"$NODE/absent\"")"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' '{"name":"h","mountPath":"/proc/sys"}' "$volumes")"
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
    grep '"id":1,' "$NODE/out" | grep '"result":"failed","reason":"CreateContainerError"' | grep -q 'no-such-program'
    grep '"id":2,' "$NODE/out" | grep '"result":"invalid","reason":"CreateContainerConfigError"' | grep -q 'no command specified'
    grep '"id":3,' "$NODE/out" | grep '"result":"failed","reason":"FailedMount"' | grep -q '/etc/passwd is not a directory'
    grep '"id":4,' "$NODE/out" | grep '"result":"invalid","reason":"InvalidImage"' | grep -q '/dev is a symbolic link'
    grep '"id":5,' "$NODE/out" | grep -q '"result":"invalid","reason":"CreateContainerConfigError"'
    grep '"id":6,' "$NODE/out" | grep -q '"result":"failed","reason":"CreateContainerError"'
    grep '"id":7,' "$NODE/out" | grep -q '"result":"invalid","reason":"FailedMount"'
    [ "$(in_ns ls "$NODE/state/pods")" = "" ]
    assert_nothing_left
}

@test "stop sends the image's signal, force kills, and one that was not started ends too" {
    local command='["sh","-c","trap \"exit 9\" QUIT; trap \"\" TERM; while :; do sleep 0.05; done"]'
    {
        echo "until opened"
        go "$UID1" quits 0 "$command" "" "" '{"StopSignal":"SIGQUIT"}'
        go "$UID1" stays 0 "$command"
        call create "$UID1" "$(doc "$UID1" waits 0 '["sleep","100"]')"
        echo "wait all"
        echo "sleep 200"
        call stop "$UID1" "$(ref "$UID1" quits 0)"
        echo 'until "exitCode":9'
        call stop "$UID1" "$(ref "$UID1" stays 0)"
        echo "sleep 300"
        call list - ""
        call stop "$UID1" "$(ref "$UID1" stays 0 ',"force":true')"
        echo 'until "exitCode":137,"signal":9,"reason":"Error"'
        call stop "$UID1" "$(ref "$UID1" waits 0)"
        echo 'until "container":"waits","state":"exited"'
    } | play "$CRUN" > "$NODE/out"
    grep '"instances"' "$NODE/out" | grep -q '"container":"stays","state":"running"'
    clear_all
    assert_nothing_left
}

@test "what runs is taken over by the next host, and an end in between is known with its code and time" {
    {
        echo "until opened"
        go "$UID1" stays 0 '["sleep","100"]'
        go "$UID1" ends 0 '["sh","-c","sleep 0.5; exit 5"]'
        call create "$UID1" "$(doc "$UID1" waits 0 '["sleep","100"]')"
        echo "wait all"
        echo "kill"
    } | play "$CRUN" > "$NODE/out" || true
    sleep 1
    {
        echo "until opened"
        call list - ""
        echo "wait 1"
        call start "$UID1" "$(ref "$UID1" waits 0)"
        echo "wait 2"
    } | play "$CRUN" > "$NODE/out2"
    run -0 grep '"instances"' "$NODE/out2"
    [[ "$output" == *'"container":"stays","state":"running"'* ]]
    [[ "$output" == *'"container":"waits","state":"created"'* ]]
    [[ "$output" == *'"container":"ends","state":"exited"'*'"exitCode":5'* ]]
    grep -q '"container":"waits","state":"running"' "$NODE/out2"
    [ "$(processes_of_node | wc -l)" = 2 ]
    clear_all
    assert_nothing_left
}

@test "a container whose conmon was killed runs on unsupervised, and ends as ContainerStatusUnknown" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sleep","100"]'
        echo "wait all"
        echo "sleep 3000"
        call stop "$UID1" "$(ref "$UID1" web 0 ',"force":true')"
        echo 'until ContainerStatusUnknown'
    } | play "$CRUN" > "$NODE/out" &
    until grep -q '"id":2,"ok":true' "$NODE/out"; do sleep 0.05; done
    kill -9 "$(in_ns sh -c "cat $RUN/bundles/*/conmon.pid")"
    wait $!
    grep -q '"state":"running".*"supervised":false' "$NODE/out"
    grep -q '"exitCode":137,"signal":9,"reason":"ContainerStatusUnknown"' "$NODE/out"
    clear_all
    assert_nothing_left
}

@test "a second host waits for the first, ends it, and takes its place" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sleep","100"]'
        echo "wait all"
        echo "mark"
        echo "restart"
        echo "until opened"
        echo "lap fence"
        call list - ""
        echo "until instances"
    } | play "$CRUN" > "$NODE/out" 2> "$NODE/err"
    [ "$(grep -o '"us":[0-9]*' "$NODE/out" | cut -d: -f2)" -ge 4900000 ]
    grep '"instances"' "$NODE/out" | grep -q '"state":"running"'
    clear_all
    assert_nothing_left
}

@test "killed at any moment of create and start, the next host finds one copy or none, and nothing is lost" {
    local round pause alone=$((100000 + RANDOM))
    for round in $(seq 1 "${DAVIT_KILL_ROUNDS:-25}"); do
        pause=$((RANDOM % 110))
        {
            echo "until opened"
            go "$UID1" web "$round" "[\"sleep\",\"$alone\"]"
            go "$UID2" web "$round" "[\"sleep\",\"$alone\"]"
            echo "sleep $pause"
            echo "kill"
            echo "restart"
            echo "until opened"
            call list - ""
            echo "wait 5"
            go "$UID1" web "$round" "[\"sleep\",\"$alone\"]"
            go "$UID2" web "$round" "[\"sleep\",\"$alone\"]"
            echo "wait all"
        } | play "$CRUN" > "$NODE/out" 2> "$NODE/err" || { cat "$NODE/out" "$NODE/err" >&2; return 1; }
        assert_all_ok "$NODE/out" || { cat "$NODE/err" >&2; echo "round $round after $pause ms" >&2; return 1; }
        [ "$(pgrep -fxc "sleep $alone")" = 2 ] || { echo "round $round after $pause ms: not one copy each" >&2; return 1; }
        [ "$(processes_of_node | wc -l)" = 2 ] || { echo "round $round after $pause ms: not one conmon each" >&2; return 1; }
        clear_instances "$round"
    done
    clear_all
    assert_nothing_left
}

clear_instances() {
    {
        echo "until opened"
        call stop "$UID1" "$(ref "$UID1" web "$1" ',"force":true')"
        call stop "$UID2" "$(ref "$UID2" web "$1" ',"force":true')"
        echo 'until "exited"'
        echo "sleep 50"
        call remove "$UID1" "$(ref "$UID1" web "$1")"
        call remove "$UID2" "$(ref "$UID2" web "$1")"
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
}

@test "after a reboot nothing runs, old writable layers go, and the same names can be made again" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sleep","100"]' '{"name":"e","mountPath":"/e"}' '{"name":"e","emptyDir":{}}'
        echo "wait all"
        echo "kill"
    } | play "$CRUN" > "$NODE/out" || true
    local pids pid
    pids=$(in_ns sh -c "cat $RUN/bundles/*/pid; echo; cat $RUN/bundles/*/conmon.pid")
    for pid in $pids; do kill -9 "$pid" || true; done
    sleep 0.2
    in_ns sh -c "umount -l $RUN/bundles/*/rootfs $RUN/netns/*; rm -rf $RUN"
    {
        echo "until opened"
        call list - ""
        echo "wait 1"
        echo "sleep 300"
        go "$UID1" web 0 '["sleep","100"]' '{"name":"e","mountPath":"/e"}' '{"name":"e","emptyDir":{}}'
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
    grep -q "\"instances\":\[\],\"pods\":\[\"$UID1\"\]" "$NODE/out"
    grep -q '"state":"running"' "$NODE/out"
    [ -z "$(ls -A "$NODE/state/trash")" ]
    clear_all
    assert_nothing_left
}

@test "an image of many layers with long paths is mounted, highest on top" {
    local layers="" i folder
    for i in $(seq 1 100); do
        folder="$NODE/layers/$(printf '%064d' "$i")"
        mkdir -p "$folder"
        echo "$i" > "$folder/top"
        layers="$layers,\"$folder\""
    done
    {
        echo "until opened"
        go "$UID1" web 0 '["cat","/top","/data/file"]' "" "" '{}' "\"$DIR/layers/1\",\"$DIR/layers/2\"$layers"
        echo 'until "state":"exited"'
    } | play "$CRUN" > "$NODE/out"
    run -0 log_of "$UID1" web 0
    [[ "$output" == *"stdout F 100"*"stdout F second"* ]]
    clear_all
    assert_nothing_left
}

@test "twenty containers come up side by side" {
    local i
    {
        echo "until opened"
        for i in $(seq 1 20); do
            call create "L$((i % 4))" "$(doc "$UID1" "c$i" 0 '["sleep","100"]')"
            call start "L$((i % 4))" "$(ref "$UID1" "c$i" 0)"
        done
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    [ "$(processes_of_node | wc -l)" = 20 ]
    clear_all
    assert_nothing_left
}
