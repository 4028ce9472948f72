#!/usr/bin/env bats
# davit doctor on this machine: what is well, and what it says of each thing that is broken here for real, in a mount
# namespace of the test's own.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    "$TOP/scripts/devnode.sh" up "$N" --name n --runtime fake
}

teardown_file() {
    "$TOP/scripts/devnode.sh" down "$N" || true
    rm -rf "$DIR"
}

setup() {
    OUT=$DIR/$BATS_TEST_NUMBER
    mkdir -p "$OUT"
    cp "$N/davitd.conf" "$OUT/davitd.conf"
}

doctor() { # the node's own, but for what the test changes
    node davit doctor --config "$OUT/davitd.conf" "$@"
}

line() { # CHECK: what is said of it, with its remedy
    awk -v check="$1" '$2 == check { print; getline; if ($0 ~ /^ /) print }' <<<"$output"
}

apart() { # SCRIPT: in mounts of its own, with the doctor behind it
    . "$N/env"
    export OUT
    unshare -m --propagation private sh -c "$1
        exec davit doctor --config '$OUT/davitd.conf'"
}

@test "a node that is well: davitd, its broker, and all that containers need" {
    run doctor
    [[ "$(line davitd)" == "ok "*"node n, connected"* ]]
    [[ "$(line broker)" == "ok "*"takes this node's credentials (MQTT 5)"* ]]
    for check in kernel cgroups overlayfs seccomp nftables links conmon disk memory files; do
        [[ "$(line $check)" == "ok "* ]] || { echo "$output"; false; }
    done
    [ "$(grep -c '^\(ok  \|warn\|FAIL\)  ' <<<"$output")" -eq 24 ]
}

@test "the same as JSON, and the exit code says whether something is wrong" {
    run doctor -o json
    wrong=$(jq '[.[] | select(.verdict == "FAIL")] | length' <<<"$output")
    [ "$status" -eq $((wrong > 0)) ]
    [ "$(jq -r '.[] | select(.check == "broker") | .verdict' <<<"$output")" = ok ]
    [ "$(jq '[.[] | select((.verdict == "ok") == (.remedy != null))] | length' <<<"$output")" -eq 0 ]
}

@test "a device without crun" {
    run -1 apart 'mount --bind /dev/null /usr/bin/crun; sed -i "/runtime.crun/,+1d" "$OUT/davitd.conf"'
    [[ "$(line crun)" == "FAIL"*"crun is not installed"*"install the package crun"* ]]
    [[ "$(line conmon)" == "ok "* ]]
}

@test "a disk that is full, read-only, an overlay, or a tmpfs" {
    mkdir -p "$OUT/full" "$OUT/up" "$OUT/work" "$OUT/low" "$OUT/over"
    state() { printf '[paths]\nstate_dir=%s\n' "$1" >>"$OUT/davitd.conf"; }
    state "$OUT/full"
    run -1 apart "mount -t tmpfs -o size=8m none $OUT/full"
    [[ "$(line disk)" == "FAIL"*"has no room: 8 of 8 MiB free"*"image prune"* ]]
    run -1 apart "mount -t tmpfs -o size=900m,ro none $OUT/full"
    [[ "$(line disk)" == "FAIL"*"is read-only"* ]]
    run apart "mount -t tmpfs -o size=900m none $OUT/full"
    [[ "$(line disk)" == "warn"*"is on tmpfs"*"goes with a reboot"* ]]
    state "$OUT/over/davit"
    run -1 apart "mount -t tmpfs none $OUT/work; mkdir $OUT/work/up $OUT/work/work
        mount -t overlay -o lowerdir=$OUT/low,upperdir=$OUT/work/up,workdir=$OUT/work/work none $OUT/over"
    [[ "$(line disk)" == "FAIL"*"is on overlayfs"*"a disk of its own"* ]]
}

@test "a broker that is down, and one that refuses the credentials" {
    free=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
    sed -i "s|^url=.*|url=mqtt://127.0.0.1:$free|" "$OUT/davitd.conf"
    run -1 doctor
    [[ "$(line broker)" == "FAIL"*"cannot reach mqtt://127.0.0.1:$free"* ]]
    printf 'listener %s 127.0.0.1\nallow_anonymous false\n' "$free" >"$OUT/mosquitto.conf"
    mosquitto -c "$OUT/mosquitto.conf" >"$OUT/mosquitto.log" 2>&1 3>&- &
    broker=$!
    within 5 grep -qs running "$OUT/mosquitto.log"
    run -1 doctor
    kill "$broker"
    [[ "$(line broker)" == "FAIL"*[Nn]"ot authori"* ]] || { line broker; false; }
}

@test "a configuration that davitd does not take, and a davitd that is not there" {
    printf '[broker]\nurrl=x\n' >>"$OUT/davitd.conf"
    run -1 apart "mount -t tmpfs none /usr/local/sbin; cp '$STAGE/usr/sbin/davitd' /usr/local/sbin"
    [[ "$(line config)" == "FAIL"*'key "urrl" is unknown in [broker]'* ]]
    run -1 doctor --control "$OUT/nothing.sock"
    [[ "$(line davitd)" == "FAIL"*"cannot reach davitd at $OUT/nothing.sock"*"systemctl status davitd"* ]]
    rm "$OUT/davitd.conf"
    run -1 doctor
    [[ "$(line config)" == "FAIL"*"No such file"* && "$(line broker)" == "FAIL"*"not known"* ]]
}
