# For the tests of davit-runtime. DAVIT_BUILD names the build folder (default: build beside the sources); needs
# davit-runtime, the plugins and runtimedrive built there. Root only.

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
    # what a failed test left running
    local pid
    for pid in $(in_ns sh -c "cat $DIR/run/*/bundles/*/conmon.pid; echo; cat $DIR/run/*/bundles/*/pid" 2>/dev/null); do
        kill -9 "$pid" || true
    done
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
    for applet in sh sleep echo cat ls id env touch hostname readlink grep true; do
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
    printf '{"pod":{"namespace":"default","name":"hello","uid":"%s","hostNetwork":%s%s},"attempt":%s,' "$1" "${HOST_NETWORK:-false}" "${POD_MORE-}" "$3"
    printf '"container":{"name":"%s","image":"demo:1","command":%s,"volumeMounts":[%s]},"volumes":[%s],' "$2" "$4" "${5-}" "${6-}"
    printf '"image":{"id":"sha256:00","layers":[%s],"config":%s},"record":{"hash":"h1"}}' "${8-$layers}" "${7-$default}"
}

# ref UID CONTAINER ATTEMPT [MORE]
ref() { printf '{"uid":"%s","container":"%s","attempt":%s%s}' "$1" "$2" "$3" "${4-}"; }

# doc's POD_MORE goes into its pod.

# call NAME LANE DOCUMENT
call() { printf 'call %s %s 30000 %s\n' "$1" "$2" "$3"; }

# go UID CONTAINER ATTEMPT COMMAND …: create and start, in order
go() {
    call create "$1" "$(doc "$@")"
    call start "$1" "$(ref "$1" "$2" "$3")"
}

log_of() { cat "$NODE/logs/default_hello_$1/$2/$3.log"; }

processes_of_node() { pgrep -f -- "$RUN/"; }

conmons_are() { [ "$(processes_of_node | wc -l)" = "$1" ]; } # `crun start` answers a moment before crun's own process has become another

within() { # SECONDS CMD...: until it is true
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -le $end ] || { echo "never true: $*" >&2; return 1; }
        sleep 0.05
    done
}

gone() { ! pgrep -f -- "$1" >/dev/null; }

# Nothing is left of any workload: processes, mounts, files, cgroups.
assert_nothing_left() {
    local left
    left=$(processes_of_node || true)
    [ -z "$left" ] || { echo "processes left:" >&2; pgrep -af -- "$RUN/" >&2; return 1; }
    left=$(in_ns cat /proc/self/mountinfo | grep -e "$RUN/" -e "$NODE/" || true)
    [ -z "$left" ] || { echo "mounts left: $left" >&2; return 1; }
    left=$(in_ns find "$RUN" "$NODE/state" "$NODE/logs" -mindepth 1 ! -name bundles ! -name exits ! -name crun ! -name netns \
        ! -name crun.lock ! -path "$RUN/pods" ! -path "$NODE/state/upper" ! -path "$NODE/state/pods" ! -path "$NODE/state/trash")
    [ -z "$left" ] || { echo "files left: $left" >&2; return 1; }
    # Other nodes' folders may go while it looks.
    left=$(in_ns find /sys/fs/cgroup -ignore_readdir_race -type d \( -path "*davit/$UID1*" -o -path "*davit/$UID2*" \) 2>/dev/null || true)
    [ -z "$left" ] || { echo "cgroups left: $left" >&2; return 1; }
}

assert_all_ok() {
    if grep '"ok":false' "$1" >&2; then return 1; fi
}

none_runs() {
    printf 'until opened\ncall list - 5000 \nwait 1\n' | play "$CRUN" > "$NODE/clear.list"
    grep -q '"instances"' "$NODE/clear.list" && ! grep -q '"state":"running"' "$NODE/clear.list"
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
    } | play "$CRUN" > "$NODE/clear1.out"
    assert_all_ok "$NODE/clear1.out" || return 1
    within 10 none_runs || return 1
    {
        echo "until opened"
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
