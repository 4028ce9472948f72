#!/usr/bin/env bats
# From `davit --help` to a pod that ran, was updated, read, entered, reached and removed, at a terminal of 80 columns, with a real
# node: scripts/screens.sh does it, and docs/screens/ is what it saw. Held against the documents is their shape.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    mkdir "$DIR/screens"
    "$TOP/scripts/screens.sh" "$DIR/screens"
}

teardown_file() {
    rm -rf "$DIR"
}

shows() { # NAME WORD...: the screen has each
    local file=$DIR/screens/$1.txt word
    shift
    for word in "$@"; do
        grep -qF -- "$word" "$file" || { echo "no \"$word\" in:"; cat "$file"; return 1; }
    done
}

@test "no line of any screen is longer than the terminal, and none wraps but what was typed" {
    for file in "$DIR"/screens/*.txt "$TOP"/docs/screens/*.txt; do
        run -0 awk 'length($0) > 80 { print FILENAME ": " $0 }' "$file"
        [ -z "$output" ] || { echo "$output"; false; }
    done
}

@test "the screens say what a newcomer needs next" {
    shows 01-help apply get logs delete
    shows 02-help-apply 'Usage: davit apply -f FILE' '--node N' Example:
    shows 03-nodes press-7 Ready
    shows 04-apply 'pod/hello created'
    shows 05-pods hello 1/1 Running
    shows 06-logs 'it serves'
    shows 07-exec hello
    shows 08-update 'pod/hello configured'
    shows 09-updated demo:2
    shows 10-forward 'Forwarding from 127.0.0.1:PORT -> 8080'
    shows 11-fetch hello
    shows 12-explain Honoured.
    shows 13-wrong 'Did you mean pods?'
    shows 14-delete 'pod "hello" deleted'
    shows 15-gone 'No pods found'
}

@test "the documents have the same screens, each with the same commands" {
    [ "$(ls "$DIR/screens")" = "$(ls "$TOP/docs/screens")" ]
    for file in "$DIR"/screens/*.txt; do
        [ "$(head -n 1 "$file")" = "$(head -n 1 "$TOP/docs/screens/${file##*/}")" ]
    done
}
