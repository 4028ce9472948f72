#!/bin/bash
# A node to play and test with: a private Mosquitto on a free loopback port and a davitd, all of it under one folder.
#
#   scripts/devnode.sh up DIR [--runtime fake|crun] [--with-vm] [--name N] [--broker URL [--watch URL]] [--conf FILE]
#   scripts/devnode.sh restart DIR        ends davitd and starts it again; containers run on
#   scripts/devnode.sh exec DIR CMD...    runs CMD where the node's mounts are seen
#   scripts/devnode.sh down DIR           ends the node, its containers and its broker; state and logs stay in DIR
#
# `up` waits until the node is online and ready (20 s), and writes DIR/env: `. DIR/env` is all that `davit` needs.
# Again on a node that runs it only says so. --with-vm adds virtual machines, and a libvirtd of the node's own. --broker uses
# an existing broker; --watch is the address at which this script can hear it without TLS. --conf is appended to
# DIR/davitd.conf. DIR/davitd.pid and DIR/mosquitto.pid hold the pids, DIR/davitd.log and DIR/mosquitto.log the logs;
# libvirtd and virtlogd have theirs there too. DAVIT_STAGE names another staged install than build/stage.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
stage=${DAVIT_STAGE:-$here/build/stage}
. "$here/scripts/devnode-lib.sh"
. "$here/scripts/devnode-vm.sh"

usage() {
    sed -n '4,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

fail() {
    echo "devnode.sh: $*" >&2
    exit 1
}

# --- up

parse_up() {
    runtime=crun with_vm=no name='' broker='' watch='' conf=''
    while [ $# -gt 0 ]; do
        [ "$1" != --with-vm ] || { with_vm=yes; shift; continue; }
        [ $# -ge 2 ] || usage
        case $1 in
        --runtime) runtime=$2 ;;
        --name) name=$2 ;;
        --broker) broker=$2 ;;
        --watch) watch=$2 ;;
        --conf) conf=$2 ;;
        *) usage ;;
        esac
        shift 2
    done
    case $runtime in
    crun | fake) ;;
    *) fail "--runtime is 'crun' or 'fake', not '$runtime'" ;;
    esac
    [ "$with_vm" = no ] || [ "$runtime" = crun ] || fail "--with-vm goes with --runtime crun"
    [ -z "$conf" ] || [ -r "$conf" ] || fail "--conf $conf: no such file"
    [ -n "$name" ] || name=$(basename "$dir" | tr 'A-Z_.' 'a-z--' | tr -cd 'a-z0-9-' | sed 's/^-*//; s/-*$//' | cut -c1-60)
    [ -n "$name" ] || name=node
}

# A bridge and a network of its own, so that nodes on one machine are in nobody's way; the same after a restart.
choose_net() {
    [ -s "$dir/.net" ] || printf 'br%04x 10.%d.%d.0/22\n' $((RANDOM % 65536)) $((214 + RANDOM % 30)) \
        $((RANDOM % 64 * 4)) >"$dir/.net"
    read -r bridge subnet <"$dir/.net"
}

net_remove() {
    [ -s "$dir/.net" ] || return 0
    local bridge rest
    # shellcheck disable=SC2034 # the rest of the line
    read -r bridge rest <"$dir/.net"
    ip link delete "$bridge" 2>/dev/null || true
    nft delete table inet "$bridge" 2>/dev/null || true
    # A pod's link goes with its namespace; a VM's tap stays by itself.
    local file
    for file in "$dir"/run/netns.state/*; do
        [ ! -e "$file" ] || ip link delete "dv$(basename "$file" | tr -d - | cut -c1-12)" 2>/dev/null || true
    done
}

write_node_conf() {
    choose_net
    cat >"$dir/davitd.conf" <<CONF
[node]
name=$name
[broker]
url=$url
root=davit
[paths]
state_dir=$dir/state
run_dir=$dir/run
manifests_dir=$dir/manifests
libexec_dir=$stage/usr/libexec/davit
plugin_dir=$stage/usr/lib/davit
[network]
enabled=$([ "$runtime" = crun ] && echo yes || echo no)
bridge=$bridge
subnet=$subnet
[runtime.crun]
enabled=$([ "$runtime" = crun ] && echo yes || echo no)
[runtime.fake]
enabled=$([ "$runtime" = fake ] && echo yes || echo no)
[runtime.libvirt]
enabled=$with_vm
CONF
    ! kvm_is_sham || echo emulated=yes >>"$dir/davitd.conf"
    if [ -n "$conf" ]; then
        cat "$conf" >>"$dir/davitd.conf"
    fi
}

write_env() {
    cat >"$dir/env" <<ENV
export DAVIT_BROKER='$url'
export DAVIT_NODE='$name'
export DAVIT_ROOT='davit'
export DAVIT_CONTROL='$dir/run/control.sock'
export DAVIT_LIBEXEC='$stage/usr/libexec/davit'
case ":\$PATH:" in *':$stage/usr/bin:'*) ;; *) export PATH='$stage/usr/bin:$stage/usr/sbin':"\$PATH" ;; esac
ENV
}

# Without this a node started by `restart` or a second `up` would forget what it was told.
save_options() {
    printf '%s=%q\n' runtime "$runtime" name "$name" url "$url" watch "$watch" external "$external" \
        with_vm "$with_vm" >"$dir/.options"
}

# `up` on a node that runs: at most its broker is to be started again, at the address the node knows.
revive_broker() {
    load_options
    if [ "$external" = yes ] || broker_runs; then
        echo "already running: $dir"
        return
    fi
    local known=$url
    broker_start
    [ "$url" = "$known" ] || fail "another program took the broker's port ($known): run down and up"
    node_wait
    echo "already running: $dir; its broker was started again"
}

cmd_up() {
    parse_up "$@"
    if [ ! -x "$stage/usr/sbin/davitd" ]; then
        [ -z "${DAVIT_STAGE:-}" ] || fail "DAVIT_STAGE=$DAVIT_STAGE holds no usr/sbin/davitd"
        "$here/scripts/build.sh"
    fi
    mkdir -p "$dir/state" "$dir/run" "$dir/manifests"
    lock_dir
    if davitd_runs; then
        revive_broker
        return 0
    fi
    external=no
    if [ -n "$broker" ]; then
        external=yes url=$broker
        [ -n "$watch" ] || watch=$broker
    else
        broker_start
    fi
    run_dir_prepare
    namespace_prepare
    write_node_conf
    write_env
    save_options
    [ "$with_vm" = no ] || libvirtd_start
    davitd_start
    node_wait
    echo "node $name is ready on $url; use it with: . $dir/env"
}

# --- restart, exec, down

load_options() {
    [ -r "$dir/.options" ] || fail "there is no node in $dir; make one with: scripts/devnode.sh up $dir"
    # shellcheck disable=SC1091 # written by save_options
    . "$dir/.options"
}

cmd_restart() {
    load_options
    lock_dir
    davitd_stop
    [ "$external" = yes ] || broker_runs || broker_start
    run_dir_prepare
    namespace_prepare
    [ "$with_vm" = no ] || libvirtd_start
    davitd_start
    node_wait
}

cmd_exec() {
    [ $# -gt 0 ] || usage
    load_options
    # shellcheck disable=SC1091 # written by write_env
    . "$dir/env"
    in_namespace "$@"
}

cmd_down() {
    [ -d "$dir" ] || return 0
    lock_dir
    davitd_stop
    containers_end
    libvirtd_stop
    guests_end
    remains_end
    # shellcheck disable=SC2086 # a list of words
    cgroups_remove $groups
    pid_stop "$dir/mosquitto.pid"
    net_remove
    unmount_all
    rm -f "$dir/env" "$dir/davitd.pid" "$dir/mosquitto.pid" "$dir/.davitd.start" "$dir/.mosquitto.start"
}

[ $# -ge 2 ] || usage
verb=$1
case $2 in
-*) usage ;;
esac
[ "$verb" != up ] || mkdir -p "$2"
[ -d "$2" ] || { [ "$verb" = down ] && exit 0; fail "$2: no such folder"; }
dir=$(cd "$2" && pwd -P)
# The names end up in configuration files, in mount tables and in patterns.
case $dir in
*[!A-Za-z0-9/._-]*) fail "$dir: only letters, digits and . _ - may be in the folder's path" ;;
esac
shift 2
case $verb in
up | restart | exec | down) "cmd_$verb" "$@" ;;
*) usage ;;
esac
