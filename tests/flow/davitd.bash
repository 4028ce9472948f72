# shellcheck shell=bash
# For the tests of davitd: one node with a real Mosquitto, conmon and crun for a file, by scripts/devnode.sh. Its folder
# is $N, its topics are below $T. Everything that the node says is written down by a subscriber, and looked up there.
# DAVIT_STAGE names another staged install than build/stage. Root only.

# flow_dir: a folder for the file, and the image demo:1 as a file.
flow_dir() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    DIR=$(mktemp -d)
    # A number that no other run sleeps: processes are found by it.
    MARK=$((RANDOM % 900 + 100))$((RANDOM % 900 + 100))
    export TOP=$PWD STAGE=${DAVIT_STAGE:-$PWD/build/stage} DIR MARK N=$DIR/n T=davit/nodes/n
    chmod 755 "$DIR"
    scripts/busybox-image.sh "$DIR/demo.tar" demo:1
}

# flow_node [OPTION OF devnode.sh up]...: the node, with the image, and its subscriber.
flow_node() {
    "$TOP/scripts/devnode.sh" up "$N" --name n "$@" || return 1
    node davit image import "$DIR/demo.tar" || return 1
    record_start
}

# flow_test: each test has a folder, and numbers to sleep, of its own.
flow_test() {
    OUT=$DIR/$BATS_TEST_NUMBER MARK=$MARK$(printf %02d "$BATS_TEST_NUMBER")
    mkdir -p "$OUT"
    chmod 777 "$OUT"
}

flow_end() {
    record_stop
    "$TOP/scripts/devnode.sh" down "$N" || true
    rm -rf "$DIR"
}

# node CMD...: as a user of this node
node() {
    (
        . "$N/env"
        "$@"
    )
}

# Functions of the node's script, for what its verbs do not offer (a davitd that is started beside another one …).
devnode_do() {
    (
        # shellcheck disable=SC2317 # called there
        fail() { echo "$*" >&2; exit 1; }
        dir=$(cd "$N" && pwd -P)
        # shellcheck disable=SC2034 # used there
        stage=$STAGE
        . "$TOP/scripts/devnode-lib.sh"
        . "$TOP/scripts/devnode-vm.sh"
        . "$dir/.options"
        "$@"
    )
}

port() {
    cat "$N/.port"
}

# --- what the node says

record_start() {
    stdbuf -oL mosquitto_sub -V 5 -h 127.0.0.1 -p "$(port)" -t 'davit/nodes/#' -T 'davit/nodes/+/desired/#' \
        -F '%t %p' </dev/null >>"$DIR/record" 2>/dev/null 3>&- &
    echo $! >"$DIR/record.pid"
    within 5 grep -qs " .*online" "$DIR/record"
}

record_stop() {
    [ ! -s "$DIR/record.pid" ] || kill "$(cat "$DIR/record.pid")" 2>/dev/null || true
    rm -f "$DIR/record.pid"
}

# The newest message of a topic, and nothing when that was an empty one.
said() {
    tac "$DIR/record" | grep -am1 -F "$1 " | cut -d' ' -f2-
}

says() { # TOPIC JQ
    said "$1" | jq -es ".[-1] | $2" >/dev/null 2>&1
}

silent() { # TOPIC: nothing was said there, or it was cleared
    [ -z "$(said "$1")" ]
}

# What the broker holds now, asked anew; one second when it holds nothing.
held() {
    mosquitto_sub -V 5 -h 127.0.0.1 -p "$(port)" -t "$1" -C 1 -W 1 --retained-only -F %p 2>/dev/null
}

holds() { # TOPIC JQ
    held "$1" | jq -es ".[-1] | $2" >/dev/null 2>&1
}

within() { # SECONDS CMD...: polls until CMD is true
    local end=$(($(date +%s%N) / 1000000 + $1 * 1000))
    shift
    until "$@"; do
        if [ $(($(date +%s%N) / 1000000)) -gt $end ]; then
            echo "never true: $*"
            [ "$1" != says ] || said "$2"
            [ "$1" != holds ] || held "$2"
            return 1
        fi
        sleep 0.05
    done
}

# state NAME JQ [SECONDS], status NAME JQ [SECONDS]: waits until the pod's topic says it
state() {
    within "${3:-30}" says "$T/state/default/pods/$1" "$2"
}

status() {
    within "${3:-30}" says "$T/status/default/pods/$1" "$2"
}

running() {
    state "$1" '.state == "Running" and .ready == 1' "${2:-30}"
}

# What a container says comes to its log a moment after it runs.
logged() { # POD REGEX
    cat "$N"/state/logs/default_"$1"_*/main/*.log 2>/dev/null | cut -d' ' -f4- | grep -qE -- "$2"
}

condition() { # TYPE: a jq filter
    echo "(.status.conditions[] | select(.type == \"$1\"))"
}

# --- documents

# pod NAME [JQ]: a pod that sleeps, changed by a jq program. $m is the file's mark, $out the test's folder.
pod() {
    jq -nc --arg name "$1" --arg m "$MARK" --arg out "$OUT" '{apiVersion: "v1", kind: "Pod", metadata: {name: $name},
        spec: {terminationGracePeriodSeconds: 0, containers: [{name: "main", image: "demo:1", command: ["sleep", $m]}]}}
        | '"${2:-.}"
}

# A jq program: main runs a shell, and sees the test's folder as /out.
shell() {
    jq -rn --arg text "$1" '".spec.containers[0].command = [\"sh\", \"-c\", \($text | @json)] |
        .spec.containers[0].volumeMounts = [{name: \"out\", mountPath: \"/out\"}] |
        .spec.volumes = [{name: \"out\", hostPath: {path: $out}}]"'
}

publish() { # TOPIC: the payload is stdin; retained
    mosquitto_pub -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -r -t "$1" -s
}

put() { # NAME [JQ]
    pod "$@" | publish "$T/desired/default/pods/$1"
}

tombstone() { # NAME
    pod "$1" '.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"' | publish "$T/desired/default/pods/$1"
}

clear_topic() {
    mosquitto_pub -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -r -n -t "$1"
}

drop() { # NAME...: tombstones, and waits until the pods are gone
    local name
    for name in "$@"; do
        tombstone "$name"
    done
    for name in "$@"; do
        within 30 silent "$T/state/default/pods/$name"
    done
}

# --- processes

# `crun start` answers a moment before the container's own program takes the place of crun's.
programs_are_there() {
    local tries
    for ((tries = 0; tries < 40; tries++)); do
        pgrep -f "^[^ ]*crun .*create --bundle $N/" >/dev/null || return 0
        sleep 0.05
    done
}

sleepers() { # [NUMBER]: the pids of the containers that sleep so long
    programs_are_there
    pgrep -fx "sleep ${1:-$MARK}" || true
}

one_sleeps() {
    [[ $(sleepers "$1") =~ ^[0-9]+$ ]]
}

none_sleeps() {
    [ -z "$(sleepers "$1")" ]
}

davitd_pid() {
    cat "$N/davitd.pid"
}

child() { # davit-link or davit-runtime: its pid
    pgrep -P "$(davitd_pid)" -x "$1"
}

has_file() { # FILE [LINES]
    [ -s "$1" ] && [ "$(wc -l <"$1")" -ge "${2:-1}" ]
}

lines() { # FILE: how many, 0 without the file
    [ -e "$1" ] || { echo 0; return; }
    wc -l <"$1"
}

contains() {
    [[ "$output" == *"$1"* ]] || { echo "not in the output: $1"; echo "$output"; return 1; }
}
