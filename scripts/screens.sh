#!/bin/bash
# What a newcomer sees at a terminal of 80 columns and 24 lines: from `davit --help` to a pod that ran, was updated, looked into,
# reached, and removed. Writes a file a step into FOLDER; what differs from run to run is masked. docs/screens/ is made by it.
#
#   scripts/screens.sh FOLDER
#
# Needs root, tmux, and a staged build. Nothing of the machine is used but a node and a broker of its own.
set -euo pipefail

out=$(mkdir -p "${1:?screens.sh: where to?}" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")/.." && pwd)
stage=${DAVIT_STAGE:-$here/build/stage}
work=$(mktemp -d)
tmux=davit-screens-$$
step=0

finish() {
    tmux -L "$tmux" kill-server 2>/dev/null || true
    "$here/scripts/devnode.sh" down "$work/n" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

screen() {
    tmux -L "$tmux" capture-pane -p
}

# Ages, times, ids, addresses, sizes and ports of this run.
mask() {
    sed -E -e 's/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/UID/g' -e 's/sha256:[0-9a-f]{12,}/DIGEST/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?/TIME/g' -e 's/\b10\.[0-9]+\.[0-9]+\.[0-9]+/ADDRESS/g' \
        -e 's/127\.0\.0\.1:[0-9]+/127.0.0.1:PORT/g' -e 's/connection for [0-9]+/connection for PORT/' \
        -e 's/\b[0-9]{13}\b/GENERATION/g' -e '/^ +-/!s/ [0-9]+(s|m|ms)( |$)/ AGE\2/' -e 's/^\[1\] [0-9]+/[1] PID/' -e 's/[[:space:]]+$//'
}

prompts() { # the shell waits again
    [ "$(screen | sed '/^$/d' | tail -n 1)" = '$' ]
}

await() { # SECONDS CMD...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || { echo "screens.sh: never so: $*" >&2; screen >&2; exit 1; }
        sleep 0.1
    done
}

type_line() {
    tmux -L "$tmux" send-keys -l "$1"
    tmux -L "$tmux" send-keys Enter
}

keep() { # NAME
    step=$((step + 1))
    screen | mask | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' >"$out/$(printf %02d $step)-$1.txt"
}

# shows NAME LINE: on an empty screen, until the prompt is back
shows() {
    tmux -L "$tmux" send-keys C-l
    sleep 0.2
    type_line "$2"
    sleep 0.3
    await 60 prompts
    keep "$1"
}

"$here/scripts/busybox-image.sh" "$work/demo.tar" demo:1 >/dev/null
"$here/scripts/busybox-image.sh" "$work/demo2.tar" demo:2 >/dev/null
"$here/scripts/devnode.sh" up "$work/n" --name press-7 >/dev/null
# shellcheck source=/dev/null
. "$work/n/env"
for image in demo demo2; do
    "$stage/usr/bin/davit" image import "$work/$image.tar" >/dev/null
done
tmux -L "$tmux" -f /dev/null new-session -d -x 80 -y 24 "cd '$work' && PATH='$stage/usr/bin':$PATH PS1='\$ ' exec bash --norc"
await 10 prompts

shows help 'davit --help | head -22'
shows help-run 'davit run --help | head -22'
shows nodes 'davit get nodes'
shows run "davit run hello --image demo:1 -- sh -c \\
'echo hello >index.html; echo it serves; httpd -p 8080
trap exit TERM; while sleep 1; do :; done'"
shows pods 'davit get pods'
shows logs 'davit logs app/hello'
shows exec 'davit exec app/hello -- cat index.html'
shows set-image "davit set image app/hello '*=demo:2'"
shows rollout 'davit rollout status app/hello'
shows updated 'davit get pod hello-0 -o yaml | grep image: | sort -u'
shows forward 'davit port-forward app/hello :8080 >at & sleep 1; cat at'
shows fetch "curl -s \$(sed -n 's/.*from \\(.*\\) ->.*/\\1/p' at)/; kill %1; wait"
shows undo 'davit rollout undo app/hello; davit rollout history app/hello'
shows yaml 'davit run hello --image demo:1 --dry-run -o yaml | head -22'
shows explain 'davit explain pod.spec.hostNetwork'
shows wrong 'davit get podz; davit logs hello'
shows delete 'davit delete app hello'
shows gone 'davit wait pod/hello-0 --for delete; davit get pods'
