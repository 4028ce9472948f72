#!/usr/bin/env bats
# davit config, and what a context says where flags and the environment are silent.

bats_require_minimum_version 1.5.0
load cli_lib

own_home() {
    export XDG_CONFIG_HOME="$DIR/home.$BATS_TEST_NUMBER"
    CONFIG=$XDG_CONFIG_HOME/davit/config
    BROKER=$DAVIT_BROKER ROOT=$DAVIT_ROOT
    unset DAVIT_BROKER DAVIT_ROOT DAVIT_CONTROL DAVIT_CONTEXT
}

@test "a context is made, used, changed and deleted, in a file that is its owner's alone" {
    own_home
    run -0 davit config set-context plant --broker "$BROKER" --root "$ROOT" --node press-7 -n other
    [ "$output" = 'context "plant" created' ]
    [ "$(stat -c %a "$CONFIG")" = 600 ]
    run -4 davit config current-context
    contains "use-context"
    run -0 davit config use-context plant
    run -0 davit config current-context
    [ "$output" = plant ]
    run -0 davit config set-context plant --group presses
    [ "$output" = 'context "plant" modified' ]
    run -0 davit config view
    contains "group=presses"
    [[ "$output" != *node=* ]] # the newer of the two
    run -0 davit config set-context bench --broker mqtt://127.0.0.1:1
    run -0 davit config get-contexts
    [[ "${lines[0]}" =~ ^CURRENT\ +NAME\ +BROKER\ +ROOT\ +NODE\ +NAMESPACE$ ]]
    [[ "${lines[1]}" =~ ^'*'\ +plant\ +"$BROKER"\ +"$ROOT"\ +group\ presses\ +other$ ]]
    [[ "${lines[2]}" =~ ^\ +bench\ +mqtt://127.0.0.1:1\ +'<none>' ]]
    run -0 davit config get-contexts -o name
    [ "$output" = $'plant\nbench' ]
    run -0 davit config delete-context plant
    run -4 davit config use-context plant
    contains 'no context "plant"'
    contains "bench"
    run -4 davit config current-context
}

@test "flag, environment, context, default: the nearest one speaks" {
    own_home
    DAVIT_ROOT=$ROOT online press-7
    DAVIT_ROOT=$ROOT pod_state press-7 default hello Running 1
    DAVIT_ROOT=$ROOT pod_state press-7 other there Running 1
    DAVIT_ROOT=$ROOT pod_state press-8 other away Running 1
    davit config set-context plant --broker "$BROKER" --root "$ROOT" --node press-7 -n other
    davit config set-context dead --broker "mqtt://127.0.0.1:$DEAD_PORT"
    davit config use-context plant
    run -0 davit get pods -o name
    [ "$output" = pod/there ]
    run -0 davit get pods -o name -n default
    [ "$output" = pod/hello ]
    DAVIT_NAMESPACE=default run -0 davit get pods -o name
    [ "$output" = pod/hello ]
    DAVIT_NODE=press-8 run -0 davit get pods -o name
    [ "$output" = pod/away ]
    run -3 davit get pods --context dead
    DAVIT_CONTEXT=dead run -3 davit get pods
    DAVIT_CONTEXT=dead run -0 davit get pods --context plant
    DAVIT_BROKER=$BROKER run -0 davit get pods --context dead --root "$ROOT" -A -o name
    [ "${#lines[@]}" = 3 ]
    run -2 davit get pods --context nowhere
    contains 'no context "nowhere"'
}

@test "what the file does not mean is an error with its line, and what it cannot hold is refused" {
    own_home
    mkdir -p "${CONFIG%/*}"
    printf '[context plant]\nbroker=mqtt://127.0.0.1:1\nuser_name=anna\n' >"$CONFIG"
    run -2 davit get pods
    contains "$CONFIG:3: a context has no key \"user_name\". Did you mean username?"
    printf '[contexts]\nbroker=x\n' >"$CONFIG"
    run -2 davit get pods
    contains "[contexts] is no context"
    printf 'currant=plant\n' >"$CONFIG"
    run -2 davit config view
    contains "before the first context there is only current="
    printf '[context plant]\nnode=a\ngroup=b\n' >"$CONFIG"
    run -2 davit get pods --context plant
    contains "both a node and a group"
    rm "$CONFIG"
    run -2 davit config set-context 'a b' --node x
    contains "no context's name"
    run -2 davit config set-context plant
    contains "set what of plant?"
    run -2 davit config set-context plant --password-file $'a\nb'
    contains "cannot hold that value"
    run -2 davit config us-context plant
    contains "use-context"
}
