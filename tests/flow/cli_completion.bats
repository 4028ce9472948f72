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
    ! command -v zsh || zsh -n "$DIR/zsh"
    ! command -v fish || fish -n "$DIR/fish"
    run -2 davit completion tcsh
}
