#!/usr/bin/env bats
# What `davit delete` and `davit prune` take away, against a real Mosquitto; mosquitto_pub plays the nodes.
# shellcheck disable=SC2153 # cli_lib sets NODE

bats_require_minimum_version 1.5.0
load cli_lib

labelled() { # NAME LABEL
    manifest "$1" | sed "s|^  name: .*|&\n  labels: {tier: $2}|"
}

gone() { # TOPIC: the broker holds a tombstone there
    [[ "$(held "$1")" == *deletionTimestamp* ]]
}

@test "delete TYPE -l takes the objects with these labels, and asks where there are several" {
    { labelled a front; echo ---; labelled b front; echo ---; labelled c back; } | davit apply -f - --node press-7
    run -2 davit delete pods -l tier=front --node press-7
    contains "to delete 2 objects needs --yes"
    run -0 davit delete pods -l tier=front --node press-7 --dry-run
    [ "$output" = $'pod "a" deleted (dry run)\npod "b" deleted (dry run)' ]
    run ! gone "$NODE/desired/default/pods/a"
    run -0 davit delete pods -l tier=front --node press-7 --yes
    gone "$NODE/desired/default/pods/a"
    gone "$NODE/desired/default/pods/b"
    run ! gone "$NODE/desired/default/pods/c"
    run -4 davit delete pods -l tier=front --node press-7 --yes
}

@test "delete takes TYPE/NAME of several types" {
    { manifest p; printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n'; } | davit apply -f - --node press-7
    run -2 davit delete pod/p bundle --node press-7
    contains '"bundle" is not TYPE/NAME'
    run -2 davit delete pod/p what/c --node press-7
    run ! gone "$NODE/desired/default/pods/p"
    run -0 davit delete pod/p configmap/c --node press-7 --wait=false
    gone "$NODE/desired/default/pods/p"
    gone "$NODE/desired/default/configmaps/c"
}

@test "delete TYPE --all takes those of the namespace, or with -A of all" {
    manifest a | davit apply -f - --node press-7
    manifest b | davit apply -f - --node press-7 -n other
    run -0 davit delete pods --all --node press-7 --yes
    gone "$NODE/desired/default/pods/a"
    run ! gone "$NODE/desired/other/pods/b"
    run -0 davit delete pods --all -A --node press-7 --yes
    gone "$NODE/desired/other/pods/b"
    run -2 davit delete pods a --all --node press-7
    run -2 davit delete pods --node press-7
    contains "which pod?"
}

@test "delete on many nodes asks, takes what is there, and sums up" {
    local node
    for node in press-1 press-2 press-3; do
        online $node
    done
    manifest hello | davit apply -f - --nodes 'press-[12]'
    run -2 davit delete pod hello --nodes 'press-*'
    contains "to delete 1 object on 3 nodes needs --yes"
    run -0 davit delete pods --all --nodes 'press-*' --yes
    contains "deleted on 3 nodes"
    gone "$DAVIT_ROOT/nodes/press-1/desired/default/pods/hello"
    [ -z "$(held "$DAVIT_ROOT/nodes/press-3/desired/default/pods/hello")" ]
}

@test "delete bundle takes all of it back" {
    manifest a | davit apply -f - --bundle --node press-7
    local old
    old=$(generation "$NODE/desired")
    (published "$NODE/desired" "$old"; say "$NODE/status" "{\"kind\":\"Node\",\"status\":{\"bundle\":{\"observedGeneration\":4000000000000000}}}") 3>&- &
    TASKS+=($!)
    run -0 davit delete bundle --node press-7
    contains "bundle of press-7 deleted"
    gone "$NODE/desired"
    run -4 davit delete bundle --node press-7
}

@test "delete node clears its topics after asking, and refuses one that is online" {
    manifest hello | davit apply -f - --node press-7
    online press-7
    pod_state press-7 default hello Running 1
    online press-8
    # What Home Assistant was told goes too, whatever the prefix; not what another node told under a name that looks the same.
    say "home/sensor/${DAVIT_ROOT}_press-7/state/config" "{\"name\":\"state\",\"availability_topic\":\"$NODE/presence\"}"
    say "home/sensor/${DAVIT_ROOT}_press-7/other/config" '{"name":"state","availability_topic":"else/presence"}'
    run -1 davit delete node press-7 --yes
    contains "node press-7 is online"
    say "$NODE/presence" '{"v":1,"online":false,"ts":1}'
    run -2 davit delete node press-7
    contains "needs --yes"
    run -0 davit delete node press-7 --dry-run
    [ "$output" = 'node "press-7" deleted (4 topics) (dry run)' ]
    run -0 davit delete node press-7 --yes
    [ "$output" = 'node "press-7" deleted (4 topics)' ]
    [ -z "$(held "$NODE/#")" ]
    [ -z "$(held "home/sensor/${DAVIT_ROOT}_press-7/state/config")" ]
    [ -n "$(held "home/sensor/${DAVIT_ROOT}_press-7/other/config")" ]
    [ -n "$(held "$DAVIT_ROOT/nodes/press-8/presence")" ]
    run -4 davit delete node press-7 --yes
    run -0 davit delete node press-8 --yes --force
}

@test "an object that is called presence does not make its node look offline" {
    online press-7
    say "$NODE/desired/default/pods/presence" '{"kind":"Pod","metadata":{"name":"presence"}}'
    say "$NODE/state/default/pods/presence" '{"state":"Running","stateCode":2}'
    run -1 davit delete node press-7 --yes
    contains "node press-7 is online"
    [ -n "$(held "$NODE/presence")" ]
}

# --- prune

node_says() { # NODE PRESENCE GROUPS
    say "$DAVIT_ROOT/nodes/$1/presence" "$2"
    say "$DAVIT_ROOT/nodes/$1/status" "{\"kind\":\"Node\",\"metadata\":{\"name\":\"$1\"},\"status\":{\"groups\":[$3]}}"
}

@test "prune lists what is left over, and clears it with --yes, and nothing else" {
    local now stone='"metadata":{"name":"x","deletionTimestamp":"2026-01-01T00:00:00Z","annotations":{"davit/generation":"5"}}}'
    now=$(date +%s%3N)
    node_says alive '{"v":1,"online":true,"ts":1}' '"presses"'
    node_says away "{\"v\":1,\"online\":false,\"ts\":$((now - 3600000))}" '"presses"'
    node_says gone "{\"v\":1,\"online\":false,\"ts\":$((now - 40 * 86400000))}" ''
    pod_state gone default hello Running 1
    say "home/sensor/${DAVIT_ROOT}_gone/state/config" "{\"availability_topic\":\"$DAVIT_ROOT/nodes/gone/presence\"}"
    say "home/sensor/${DAVIT_ROOT}_alive/state/config" "{\"availability_topic\":\"$DAVIT_ROOT/nodes/alive/presence\"}"
    say "$DAVIT_ROOT/nodes/gone/desired/default/pods/hello" '{"kind":"Pod","metadata":{"name":"hello"}}'
    # Carried out; not yet (it is still told of); masks what a group says.
    say "$DAVIT_ROOT/nodes/alive/desired/default/pods/done" "{\"kind\":\"Pod\",$stone"
    say "$DAVIT_ROOT/nodes/alive/desired/default/pods/ending" "{\"kind\":\"Pod\",$stone"
    pod_status alive default ending 1 True
    say "$DAVIT_ROOT/nodes/alive/desired/default/pods/masked" "{\"kind\":\"Pod\",$stone"
    say "$DAVIT_ROOT/groups/presses/desired/default/pods/masked" '{"kind":"Pod","metadata":{"name":"masked"}}'
    # Masks an object of the node's bundle, and one that a later group says.
    say "$DAVIT_ROOT/nodes/alive/desired/default/pods/bundled" "{\"kind\":\"Pod\",$stone"
    say "$DAVIT_ROOT/nodes/alive/desired" '{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","metadata":{"name":"bundled"}}]}'
    say "$DAVIT_ROOT/groups/presses/desired/default/pods/later" "{\"kind\":\"Pod\",$stone"
    say "$DAVIT_ROOT/groups/all/desired/default/pods/later" '{"kind":"Pod","metadata":{"name":"later"}}'
    # Of a group: carried out by all of it; not by one.
    say "$DAVIT_ROOT/groups/presses/desired/default/pods/left" "{\"kind\":\"Pod\",$stone"
    say "$DAVIT_ROOT/groups/presses/desired/default/pods/half" "{\"kind\":\"Pod\",$stone"
    pod_status away default half 1 True
    say "$DAVIT_ROOT/groups/mills/desired/default/pods/hello" '{"kind":"Pod","metadata":{"name":"hello"}}'
    run -0 davit prune
    contains "node gone: last seen 40d ago; all that it said"
    contains "node alive: the deletion of default/pods/done was carried out"
    contains "group presses: the deletion of default/pods/left was carried out"
    contains "group mills: no node is in it, and default/pods/hello is for none"
    contains "7 topics would be cleared; --yes does it"
    [ "${#lines[@]}" = 5 ]
    [ -n "$(held "$DAVIT_ROOT/nodes/gone/presence")" ]
    run -0 davit prune --yes --dry-run
    contains "7 topics would be cleared"
    run -0 davit prune --yes
    contains "7 topics cleared"
    [ -z "$(held "$DAVIT_ROOT/nodes/gone/presence")" ]
    [ -z "$(held "home/sensor/${DAVIT_ROOT}_gone/state/config")" ]
    [ -n "$(held "home/sensor/${DAVIT_ROOT}_alive/state/config")" ]
    [ -n "$(held "$DAVIT_ROOT/nodes/gone/desired/default/pods/hello")" ]
    [ -n "$(held "$DAVIT_ROOT/nodes/alive/desired/default/pods/ending")" ]
    run -0 davit prune
    contains "0 topics to be cleared"
    run -2 davit prune --older=30m
    contains "--older=30m is too short"
    run -2 davit prune --older=-1d
    contains "--older=-1d is no time"
    run -0 davit prune --older=2h
    contains "0 topics"
}

@test "prune leaves a group alone that a node may be in: by its desired Node, or unseen" {
    say "$DAVIT_ROOT/nodes/coming/desired/node" \
        '{"apiVersion":"v1","kind":"Node","metadata":{"name":"coming","annotations":{"davit/groups":"line-3, mills"}}}'
    say "$DAVIT_ROOT/groups/mills/desired/default/pods/hello" '{"kind":"Pod","metadata":{"name":"hello"}}'
    say "$DAVIT_ROOT/groups/mill/desired/default/pods/hello" '{"kind":"Pod","metadata":{"name":"hello"}}'
    run -0 davit prune --yes
    contains "group mill: no node is in it"
    contains "1 topic cleared"
    [ -n "$(held "$DAVIT_ROOT/groups/mills/desired/default/pods/hello")" ]
    say "$DAVIT_ROOT/groups/all/desired/default/pods/hello" '{"kind":"Pod","metadata":{"name":"hello"}}' # every node's that comes
    say "$DAVIT_ROOT/groups/saws/desired/default/pods/hello" '{"kind":"Pod","metadata":{"name":"hello"}}'
    # What cannot be read may say anything.
    say "$DAVIT_ROOT/nodes/odd/desired/node" '{'
    say "$DAVIT_ROOT/groups/presses/desired/default/pods/hello" '{"kind":"Pod","metadata":{"name":"hello"}}'
    online odd
    say "$DAVIT_ROOT/nodes/odd/status" '{"kind":"Node","metadata":{"name":"odd"},"status":{"groups":[]}}'
    say "$DAVIT_ROOT/nodes/odd/desired" '{'
    say "$DAVIT_ROOT/nodes/odd/desired/default/pods/x" '{"kind":"Pod","metadata":{"name":"x","deletionTimestamp":"2026-01-01T00:00:00Z"}}'
    run -0 davit prune
    contains "0 topics to be cleared"
    online silent # without a status nobody knows its groups
    run -0 davit prune
    contains "0 topics to be cleared"
}
