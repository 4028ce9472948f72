#!/bin/bash
# From a bare Debian 12 to a web page out of a container that an MQTT message started.
#
#   sudo scripts/quickstart.sh [--with-vm] [DIR]
#
# Installs what is missing, builds, starts a private broker and a node under DIR (default: /var/tmp/davit-quickstart),
# makes a small image, applies examples/hello.yaml and fetches the page. Exit 0 only if the page was served. Running it
# again works. --with-vm installs libvirt and QEMU too, and applies examples/vm.yaml beside it: a virtual machine, with or
# without KVM, whose console and page are shown.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
with_vm=no
[ "${1:-}" != --with-vm ] || { with_vm=yes; shift; }
dir=${1:-/var/tmp/davit-quickstart}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $dir in
-*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

say() {
    printf '\n== %s (%d s)\n' "$*" "$SECONDS"
}

fail() {
    echo "quickstart.sh: $*" >&2
    [ ! -e "$dir/davitd.log" ] || { echo "the end of $dir/davitd.log:" >&2; tail -n 20 "$dir/davitd.log" >&2; }
    exit 1
}

port_answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# The page's body, without a tool that a bare machine lacks.
fetch() {
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    while IFS= read -r -t 5 line <&3 && [ "${line%$'\r'}" != "" ]; do :; done
    timeout 5 cat <&3
    exec 3>&-
}

page_comes() { # PORT TEXT
    local page
    page=$(fetch "$1" 2>/dev/null) && grep -q "$2" <<<"$page"
}

# choose_port FIRST TEXT: the example's port, or the next free one. One that serves this very page is the last run's, and is kept.
choose_port() {
    local port
    for ((port = $1; port < $1 + 100; port++)); do
        if ! port_answers "$port" || page_comes "$port" "$2"; then
            echo "$port"
            return
        fi
    done
    fail "no free port between $1 and $(($1 + 99))"
}

wait_running() { # TYPE NAME SECONDS
    local end=$((SECONDS + $3)) table=
    while [ $SECONDS -lt $end ]; do
        table=$(davit get "$1s" 2>&1) || true
        if grep -qE "^$2 .*Running" <<<"$table"; then
            return 0
        fi
        sleep 0.2
    done
    echo "$table" >&2
    davit describe "$1" "$2" >&2 || true
    fail "$1 $2 was not Running within $3 s"
}

wait_page() { # PORT TEXT SECONDS
    local end=$((SECONDS + $3))
    while [ $SECONDS -lt $end ]; do
        ! page_comes "$1" "$2" || return 0
        sleep 0.1
    done
    fail "http://127.0.0.1:$1/ did not serve the page within $3 s"
}

# A node that runs without virtual machines gets none by asking again; its pods come back with it.
node_start() {
    local options=()
    if [ $with_vm = yes ]; then
        options=(--with-vm)
        grep -qs '^with_vm=yes' "$dir/.options" || "$here/scripts/devnode.sh" down "$dir"
    fi
    "$here/scripts/devnode.sh" up "$dir" --name quickstart "${options[@]}"
}

# What its serial port says from its kernel's first line to its shell's.
vm_console() {
    local end=$((SECONDS + 120))
    until davit logs vm/hmi 2>/dev/null | grep -q 'hello from hmi' && davit get vms | grep -qE '^hmi .*True'; do
        [ $SECONDS -lt $end ] || fail "the virtual machine was not up within 120 s; the end of its console: $(davit logs vm/hmi | tail -n 5)"
        sleep 0.2
    done
    davit logs vm/hmi | tr -d '\r' | grep -aE '^(BOOTS|SEED|READY|ADDRESS|hello)'
}

# What both have, in one table.
one_table() {
    local type form='%-6s%-16s%-12s%-8s%s\n'
    # shellcheck disable=SC2059 # one form for all lines
    printf "$form" KIND NAME STATUS READY AGE
    for type in pod vm; do
        davit get "${type}s" | awk -v type=$type -v form="$form" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
            { printf form, type, $at["NAME"], $at["STATUS"], $at["READY"], $at["AGE"] }'
    done
}

vm_show() {
    local port
    say "Making a disk from Debian's kernel and busybox, and importing it as tiny:1"
    "$here/scripts/vm-image.sh" tiny "$work/tiny.tar" tiny:1
    davit image import "$work/tiny.tar"
    port=$(choose_port 8088 '^hmi$')
    sed "s/hostPort: 8088/hostPort: $port/" "$here/examples/vm.yaml" >"$work/vm.yaml"
    say "Publishing examples/vm.yaml (port $port) to the broker"
    davit apply -f "$work/vm.yaml"
    wait_running vm hmi 60
    say "It is Running; its console"
    vm_console
    say "Fetching http://127.0.0.1:$port/ from the virtual machine"
    wait_page "$port" '^hmi$' 30
    fetch "$port"
}

if [ "$(id -u)" -ne 0 ]; then
    fail "containers need root. Run: sudo scripts/quickstart.sh"
fi

say "Installing what is missing"
# shellcheck disable=SC2046 # a list of words
"$here/scripts/deps.sh" build run $([ $with_vm = no ] || echo vm-build vm vm-image)
say "Building in build/ (about a minute the first time)"
"$here/scripts/build.sh"
say "Starting a broker and a node under $dir"
mkdir -p "$dir"
node_start
# shellcheck disable=SC1091 # written by devnode.sh
. "$dir/env"
say "Making an image from busybox, and importing it"
"$here/scripts/busybox-image.sh" "$work/demo.tar" demo:1
davit image import "$work/demo.tar"
page='comes from pod hello'
port=$(choose_port 8080 "$page")
sed "s/\"8080\"/\"$port\"/" "$here/examples/hello.yaml" >"$work/hello.yaml"
say "Publishing examples/hello.yaml (port $port) to the broker"
davit apply -f "$work/hello.yaml"
wait_running pod hello 60
say "Fetching http://127.0.0.1:$port/"
wait_page "$port" "$page" 20
fetch "$port"
if [ $with_vm = yes ]; then
    vm_show
    say "davit get pods, davit get vms"
    one_table
else
    say "davit get pods"
    davit get pods
fi
cat <<TEXT

It works, after $SECONDS s. What to try next:

    sudo -s                       # the node's control socket belongs to root
    . $dir/env                    # tells davit where the broker and the node are
    davit get pods -w             # watch, and in another terminal:
    davit describe pod hello
    mosquitto_sub -p ${DAVIT_BROKER##*:} -v -t 'davit/nodes/quickstart/state/#'
    kill -9 \$(cat $dir/davitd.pid); $here/scripts/devnode.sh up $dir    # the page never stops
    davit delete pod hello$([ $with_vm = no ] || printf '\n    %s' 'davit console vm/hmi          # its serial console' 'davit stop vm/hmi; davit start vm/hmi')

To stop it:     sudo $here/scripts/devnode.sh down $dir
And to forget:  sudo rm -r $dir
TEXT
