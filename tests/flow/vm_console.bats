#!/usr/bin/env bats
# The consoles of a real guest: its shell on the serial console in a real terminal, here and over the broker, its screen by a
# local port, and its log as it grows.

bats_require_minimum_version 1.5.0
load davitd
load vm

setup_file() {
    vm_start
    put_vm con
    guest_says con '^ADDRESS' # then it says nothing more by itself
    vm_running con
    printf "export PS1='here> '; . '%s/env'; unset DAVIT_NAMESPACE\n" "$N" >"$DIR/rc"
    tmux -L "davit-$MARK" -f /dev/null new-session -d -s t -x 100 -y 30 "bash --noprofile --rcfile '$DIR/rc' -i" 3>&- 4>&-
}

teardown_file() {
    tmux -L "davit-$MARK" kill-server || true
    flow_end
}

setup() {
    flow_test
}

keys() {
    tmux -L "davit-${MARK%??}" send-keys -t t "$@"
}

type_line() {
    keys -l "$1"
    keys Enter
}

screen() {
    tmux -L "davit-${MARK%??}" capture-pane -p -t t
}

shows() { # REGEX: a line of the screen
    screen | grep -qE -- "$1"
}

# A command in the guest's shell, one that Ctrl-C ends, and back to the shell outside.
talk() { # COMMAND of davit
    type_line "clear; $1; echo left:\$?"
    within 20 shows '^Escape character'
    keys Enter
    type_line 'echo guest-$((40 + 2))-$(uname -s)'
    within 20 shows '^guest-42-Linux'
    # Before the command runs, the terminal takes Ctrl-C for a letter of the line.
    type_line 'echo runs-$((1 + 1)); sleep 1000; echo slept'
    within 20 shows '^runs-2'
    keys C-c
    within 10 shows '\^C' # what is typed behind it before the guest took it would be thrown away with the line
    type_line 'echo after-$((1 + 1))'
    within 20 shows '^after-2'
    run ! shows '^slept'
    keys C-]
    within 10 shows '^left:0'
}

@test "the shell of a guest is on its serial console, and Ctrl-] leaves it" {
    talk "davit console vm/con"
}

@test "the same over the broker" {
    talk "davit console vm/con --node n"
}

@test "one has the console at a time, and a killed davit gives it back" {
    (. "$N/env" && exec davit console vm/con) < <(sleep 30) >"$OUT/first" 2>&1 3>&- &
    local first=$!
    within 20 grep -q Connected "$OUT/first"
    run -1 node davit console vm/con
    contains "Busy"
    kill -9 "$first"
    talk "davit console vm/con"
}

rfb() { # PORT: the banner of the server, our version, and what security it has
    python3 - "$1" <<'EOF'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
s.settimeout(20)
banner = s.recv(12)
s.sendall(banner)
print(banner.decode().strip(), s.recv(1)[0] > 0)
EOF
}

screen_at() { # FLAGS...
    (. "$N/env" && exec davit vnc vm/con "$@") >"$OUT/vnc" 2>&1 3>&- &
    local vnc=$! port
    within 20 grep -q 'Ctrl-C ends it' "$OUT/vnc"
    port=$(sed -n 's/.*at 127.0.0.1:\([0-9]*\),.*/\1/p' "$OUT/vnc")
    run -0 rfb "$port"
    [ "$output" = "RFB 003.008 True" ]
    run -0 rfb "$port"
    [ "$output" = "RFB 003.008 True" ]
    kill "$vnc"
}

@test "its screen speaks RFB at a local port, for one viewer after the other" {
    screen_at
    screen_at --node n
}

@test "logs -f follows the console, and ends with the machine" {
    (. "$N/env" && exec davit logs vm/con -f) >"$OUT/log" 2>&1 3>&- &
    local follower=$!
    within 20 grep -q READY "$OUT/log"
    (. "$N/env" && (sleep 1; printf '\necho written-$((3 + 4))\n'; sleep 2) | timeout 10 davit console vm/con) || true
    within 20 grep -q written-7 "$OUT/log"
    node davit stop vm/con
    vm_state con '.state == "Stopped"'
    wait "$follower"
    grep -q POWER "$OUT/log"
    run -1 node davit logs vm/con --since 5m
    contains "has no times"
    run -1 node davit console vm/con
    contains "is not running"
}
