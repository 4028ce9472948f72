#!/usr/bin/env bats
# davitd at its start: what is wrong with a configuration is said with file, line and remedy; and it has no network.

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

davitd() {
    "$STAGE/usr/sbin/davitd" "$@"
}

@test "an unknown key stops davitd, with file, line and remedy" {
    printf '[node]\nname=x\n\n[broker]\nurrl=mqtt://127.0.0.1\n' >"$DIR/bad.conf"
    run -1 davitd --config "$DIR/bad.conf"
    contains "$DIR/bad.conf:5:"
    contains 'key "urrl" is unknown in [broker]; see davitd.conf(5)'
    run -1 davitd --config "$DIR/bad.conf" --check-config
    contains "$DIR/bad.conf:5:"
}

@test "the node's own configuration is good, and a setting that does not fit is refused" {
    run -0 davitd --config "$N/davitd.conf" --check-config
    contains "the configuration is good"
    run -1 davitd --config "$N/davitd.conf" --set broker.url=http://x --check-config
    contains "must begin with mqtt://"
    run -2 davitd --nonsense
}

@test "a run directory that is no tmpfs is refused" {
    mkdir "$DIR/disk"
    [ "$(stat -f -c %T "$DIR/disk")" != tmpfs ] || skip "the tests' folder is a tmpfs itself"
    run -1 davitd --config "$N/davitd.conf" --set "paths.run_dir=$DIR/disk"
    contains "is no tmpfs"
}

@test "davitd has no network socket, and its link has no rights" {
    local pid link inode
    pid=$(davitd_pid)
    link=$(child davit-link)
    for inode in $(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n'); do
        run ! awk -v inode="$inode" '$10 == inode { found = 1 } END { exit !found }' /proc/net/tcp /proc/net/tcp6 \
            /proc/net/udp /proc/net/udp6
    done
    grep -q '^CapEff:[[:space:]]*0000000000000000$' "/proc/$link/status"
    grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$link/status"
    grep -q '^Seccomp:[[:space:]]*2$' "/proc/$link/status"
    [ "$(awk '/^Uid:/ { print $3 }' "/proc/$link/status")" = "$(id -u nobody)" ]
}
