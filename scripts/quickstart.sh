#!/bin/bash
# From a bare Debian 12 to a web page out of a container that an MQTT message started.
#
#   sudo scripts/quickstart.sh [DIR]
#
# Installs what is missing, builds, starts a private broker and a node under DIR (default: /var/tmp/davit-quickstart),
# makes a small image, applies examples/hello.yaml and fetches the page. Exit 0 only if the page was served. Running it
# again works.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-/var/tmp/davit-quickstart}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $dir in
-*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
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

page_comes() {
    local page
    page=$(fetch "$1" 2>/dev/null) && grep -q 'comes from pod hello' <<<"$page"
}

# The example's port, or the next free one. A port that serves this very page is the last run's, and is kept.
choose_port() {
    local port
    for port in {8080..8180}; do
        if ! port_answers "$port" || page_comes "$port"; then
            echo "$port"
            return
        fi
    done
    fail "no free port between 8080 and 8180"
}

wait_running() {
    local end=$((SECONDS + 60)) table=
    while [ $SECONDS -lt $end ]; do
        table=$(davit get pods 2>&1) || true
        if grep -qE '^hello .*Running' <<<"$table"; then
            return 0
        fi
        sleep 0.2
    done
    echo "$table" >&2
    davit describe pod hello >&2 || true
    fail "pod hello was not Running within 60 s"
}

wait_page() {
    local end=$((SECONDS + 20))
    while [ $SECONDS -lt $end ]; do
        ! page_comes "$1" || return 0
        sleep 0.1
    done
    fail "http://127.0.0.1:$1/ did not serve the page within 20 s"
}

if [ "$(id -u)" -ne 0 ]; then
    fail "containers need root. Run: sudo scripts/quickstart.sh"
fi

say "Installing what is missing"
"$here/scripts/deps.sh" build run
say "Building in build/ (about a minute the first time)"
"$here/scripts/build.sh"
say "Starting a broker and a node under $dir"
mkdir -p "$dir"
"$here/scripts/devnode.sh" up "$dir" --name quickstart
# shellcheck disable=SC1091 # written by devnode.sh
. "$dir/env"
say "Making an image from busybox, and importing it"
"$here/scripts/busybox-image.sh" "$work/demo.tar" demo:1
davit image import "$work/demo.tar"
port=$(choose_port)
sed "s/\"8080\"/\"$port\"/" "$here/examples/hello.yaml" >"$work/hello.yaml"
say "Publishing examples/hello.yaml (port $port) to the broker"
davit apply -f "$work/hello.yaml"
wait_running
say "Fetching http://127.0.0.1:$port/"
wait_page "$port"
fetch "$port"
say "davit get pods"
davit get pods
cat <<TEXT

It works, after $SECONDS s. What to try next:

    sudo -s                       # the node's control socket belongs to root
    . $dir/env                    # tells davit where the broker and the node are
    davit get pods -w             # watch, and in another terminal:
    davit describe pod hello
    mosquitto_sub -p ${DAVIT_BROKER##*:} -v -t 'davit/nodes/quickstart/state/#'
    kill -9 \$(cat $dir/davitd.pid); $here/scripts/devnode.sh up $dir    # the page never stops
    davit delete pod hello

To stop it:     sudo $here/scripts/devnode.sh down $dir
And to forget:  sudo rm -r $dir
TEXT
