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
    shows 02-help-run 'Usage: davit run IMAGE' '--node N' Example:
    shows 03-nodes press-7 Ready
    shows 04-run 'app/hello created' 'app/hello   done' 'davit logs app/hello -f' "davit set image app/hello '*=IMAGE'"
    shows 05-pods hello-0 1/1 Running
    shows 06-logs 'it serves'
    shows 07-exec hello
    shows 08-set-image 'app/hello image updated'
    shows 09-rollout 'successfully rolled out'
    shows 10-updated demo:2
    shows 11-forward 'Forwarding from 127.0.0.1:PORT -> 8080'
    shows 12-fetch hello
    shows 13-undo 'app/hello rolled back' REVISION
    shows 14-yaml 'kind: App' 'image: demo:1'
    shows 15-explain Honoured.
    shows 16-wrong 'Did you mean pods?' 'apps/hello is there'
    shows 17-delete 'app "hello" deleted'
    shows 18-gone 'No pods found'
}

@test "the documents have the same screens, each with the same commands" {
    [ "$(ls "$DIR/screens")" = "$(ls "$TOP/docs/screens")" ]
    for file in "$DIR"/screens/*.txt; do
        [ "$(head -n 1 "$file")" = "$(head -n 1 "$TOP/docs/screens/${file##*/}")" ]
    done
}
