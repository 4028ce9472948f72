#!/usr/bin/env bats
# The completions of the three shells, made of the tables.

bats_require_minimum_version 1.5.0
load cli_lib

complete() { # WORD…: what bash offers for the last one
    bash -c '. <("$DAVIT" completion bash); COMP_WORDS=(davit "$@"); COMP_CWORD=$#; _davit; printf "%s\n" "${COMPREPLY[@]}"' _ "$@"
}

@test "bash completes verbs, types, flags, formats and contexts" {
    run -0 complete g
    [ "$output" = get ]
    run -0 complete get deplo
    [ "$output" = deployments ]
    run -0 complete get pods --node-
    [ "$output" = --node-selector ]
    run -0 complete apply --field
    [ "$output" = "" ]
    run -0 complete get pods -o ya
    [ "$output" = yaml ]
    run -0 complete config use
    [ "$output" = use-context ]
    davit config set-context plant --node press-7
    PATH="$(dirname "$DAVIT"):$PATH" run -0 complete get pods --context pl
    [ "$output" = plant ]
    PATH="$(dirname "$DAVIT"):$PATH" run -0 complete config use-context ''
    [ "$output" = plant ]
}

@test "every verb is in every shell's, with its flags" {
    local verb
    davit completion bash >"$DIR/bash"
    davit completion zsh >"$DIR/zsh"
    davit completion fish >"$DIR/fish"
    for verb in $(davit --help | sed -nE 's/^  ([a-z-]+) .*/\1/p'); do
        grep -q " $verb) words='.*--help '" "$DIR/bash"
        grep -q " $verb) words='.*--help '" "$DIR/zsh"
        grep -q " $verb:'" "$DIR/zsh"
        grep -q "^complete -c davit -n __fish_use_subcommand -a $verb -d '" "$DIR/fish"
        grep -q "seen_subcommand_from $verb' -l help" "$DIR/fish"
    done
    bash -n "$DIR/bash"
    run -2 davit completion tcsh
}

# completed LINE WHOLE: what a person sees who types LINE and the tab key
completed() {
    tmux -L "$SCREEN" send-keys -l "$1"
    tmux -L "$SCREEN" send-keys Tab
    seen "^> $2 *\$"
    tmux -L "$SCREEN" send-keys C-u C-l
}

seen() { # LINE: a regular expression
    local i
    for i in $(seq 200); do
        tmux -L "$SCREEN" capture-pane -p | grep -q "$1" && return 0
        sleep 0.05
    done
    echo "never seen: $1"
    tmux -L "$SCREEN" capture-pane -p
    return 1
}

@test "zsh completes the same, at a terminal" {
    export SCREEN=davit-zsh-$$
    tmux -L "$SCREEN" -f /dev/null new-session -d -x 80 -y 24 \
        "HOME='$DIR' PATH='$(dirname "$DAVIT")':\$PATH TERM=screen zsh -f"
    TASKS+=("$(tmux -L "$SCREEN" display-message -p '#{pid}')")
    tmux -L "$SCREEN" send-keys -l "PS1='> '; autoload -U compinit; compinit -u -D; . <(davit completion zsh); clear; print rea''dy"
    tmux -L "$SCREEN" send-keys Enter
    seen '^ready$'
    completed 'davit ge' 'davit get'
    completed 'davit get deplo' 'davit get deployments'
    completed 'davit get pods --node-' 'davit get pods --node-selector'
    completed 'davit get pods -o ya' 'davit get pods -o yaml'
    completed 'davit rollout und' 'davit rollout undo'
    completed "davit apply -f $DIR/mosquitto.p" "davit apply -f $DIR/mosquitto.pid"
}

@test "fish completes the same" {
    local line
    mkdir -p "$DIR/fish.d/fish/completions"
    davit completion fish >"$DIR/fish.d/fish/completions/davit.fish"
    while IFS='|' read -r line whole; do
        run -0 env HOME="$DIR" XDG_CONFIG_HOME="$DIR/fish.d" PATH="$(dirname "$DAVIT"):$PATH" fish -c "complete -C '$line'"
        [ "$(cut -f 1 <<<"${lines[0]}")" = "$whole" ] || { echo "$line: $output"; return 1; }
    done <<END
davit ge|get
davit get deplo|deployments
davit get pods --node-|--node-selector
davit get pods -o ya|yaml
davit rollout und|undo
davit set im|image
davit apply -f $DIR/mosquitto.p|$DIR/mosquitto.pid
END
}
