#!/usr/bin/env bats
# scripts/devnode.sh: what it starts is ready, and what it ends leaves nothing behind.

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export TOP=$PWD
    export DIR=$(mktemp -d)
    scripts/busybox-image.sh "$DIR/demo.tar" demo:1
}

teardown_file() {
    local node
    for node in "$DIR"/*/; do
        "$TOP/scripts/devnode.sh" down "$node" || true
    done
    rm -rf "$DIR"
}

devnode() {
    "$TOP/scripts/devnode.sh" "$@"
}

# davit CMD... as a user of this node.
davit_at() {
    (
        . "$DIR/$1/env"
        shift
        davit "$@"
    )
}

# The containers of the test, by the number they sleep. The pattern is not its own text, or grep would find itself.
sleepers() {
    grep -lszx -- "${1%?}[${1: -1}]" /proc/[0-9]*/cmdline | cut -d/ -f3 || true
}

within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || { echo "never true: $*"; return 1; }
        sleep 0.1
    done
}

one_sleeps() {
    [[ $(sleepers "$1") =~ ^[0-9]+$ ]]
}

pod() {
    cat <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: "demo:1", command: [sleep, "$2"]}]
YAML
}

@test "up makes a node that is online and ready" {
    run devnode up "$DIR/one" --name one
    [ "$status" -eq 0 ]
    [[ $output == *"one is ready"* ]]
    run davit_at one get nodes
    [ "$status" -eq 0 ]
    [[ $output == *one* ]]
}

@test "up on a node that runs says so" {
    local pid
    pid=$(cat "$DIR/one/davitd.pid")
    run devnode up "$DIR/one"
    [ "$status" -eq 0 ]
    [[ $output == *"already running"* ]]
    [ "$(cat "$DIR/one/davitd.pid")" = "$pid" ]
}

@test "a second node runs beside it, from another folder" {
    cd /
    devnode up "$DIR/two"
    [ "$(cat "$DIR/one/.port")" != "$(cat "$DIR/two/.port")" ]
    run davit_at two get nodes
    [[ $output == *two* ]]
    [[ $output != *one* ]]
}

@test "a pod on one node runs once, and restart leaves it alone" {
    davit_at one image import "$DIR/demo.tar"
    pod p 4400001 | davit_at one apply -f -
    within 20 one_sleeps 4400001
    local pid
    pid=$(sleepers 4400001)
    devnode restart "$DIR/one"
    sleep 1
    [ "$(sleepers 4400001)" = "$pid" ]
}

@test "a killed broker comes back with up" {
    kill -9 "$(cat "$DIR/two/mosquitto.pid")"
    run devnode up "$DIR/two"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"broker was started again"* ]]
}

@test "down ends the node and its containers, and leaves the other alone" {
    local groups
    groups=$(cut -d: -f3 "/proc/$(sleepers 4400001)/cgroup" | grep -v '^/$' | sort -u)
    devnode down "$DIR/one"
    [ -z "$(sleepers 4400001)" ]
    run grep -F "$DIR/one" /proc/mounts
    [ "$status" -ne 0 ]
    run grep -lsF "$DIR/one" /proc/[0-9]*/cmdline
    echo "$output"
    [ -z "$output" ]
    local group
    for group in $groups; do
        run find /sys/fs/cgroup -maxdepth 4 -path "/sys/fs/cgroup*$group"
        echo "$output"
        [ -z "$output" ]
    done
    run davit_at two get nodes
    [ "$status" -eq 0 ]
    [[ $output == *two* ]]
}

@test "up after down runs the same pods again" {
    devnode up "$DIR/one" --name one
    within 20 one_sleeps 4400001
    devnode down "$DIR/one"
    devnode down "$DIR/one"
}

@test "a node that cannot start is a failure with its log" {
    printf '[node]\nno_such_key=1\n' >"$DIR/bad.conf"
    run devnode up "$DIR/bad" --runtime fake --conf "$DIR/bad.conf"
    echo "$output"
    [ "$status" -ne 0 ]
    [[ $output == *no_such_key* ]]
}
