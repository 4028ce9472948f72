#!/usr/bin/env bats
# davit exec on the device: kubectl's flags, words and exit codes, a real terminal (tmux), and nothing left afterwards,
# whoever dies meanwhile.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    printf '[security]\nprofile = privileged\n' >"$DIR/conf" # one pod has hostPID
    flow_node --conf "$DIR/conf"
    put main
    put two '.spec.containers += [{name: "side", image: "demo:1", command: ["sleep", $m + "1"],
        securityContext: {runAsUser: 1234, runAsGroup: 77, capabilities: {drop: ["ALL"], add: ["NET_BIND_SERVICE"]},
        allowPrivilegeEscalation: false}}]'
    running main
    state two '.state == "Running" and .containersReady == 2'
    head -c 5000000 /dev/urandom >"$DIR/bytes"
    # The same terminal for every test that wants one.
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

ex() {
    node davit exec "$@"
}

# --- the terminal

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

shows() { # TEXT: a line of the screen is it
    screen | grep -qxF "$1"
}

fresh() { # the shell outside, with an empty screen
    type_line 'clear; tmux clear-history; echo fre''sh'
    within 10 shows fresh
}

# --- what is left

command_files() {
    find "$N/run/crun/bundles" -name 'stream-*' -o -name 'exec-*'
}

no_command_files() {
    [ -z "$(command_files)" ]
}

fd_count() { # PID
    find "/proc/$1/fd" -mindepth 1 | wc -l
}

fds_are() { # PID COUNT
    [ "$(fd_count "$1")" -le "$2" ]
}

# Starts `sleep NUMBER` in main, and waits until it runs. $cli is the CLI's pid.
start_sleep() { # NUMBER [POD]
    (. "$N/env" && exec davit exec "${2:-main}" -- sleep "$1") >"$OUT/cli" 2>&1 3>&- &
    cli=$!
    within 10 one_sleeps "$1"
}

ends_with() { # CODE: the CLI
    local code=0
    wait "$cli" || code=$?
    [ "$code" = "$1" ] || { echo "ended with $code"; cat "$OUT/cli"; return 1; }
}

@test "exit codes are the command's, and what cannot be started has a shell's" {
    run -0 ex main -- true
    [ -z "$output" ]
    run -7 --separate-stderr ex main -- sh -c 'exit 7'
    [ "$stderr" = "command terminated with exit code 7" ]
    run -137 ex main -- sh -c 'kill -9 $$'
    run -143 ex main -- sh -c 'kill -TERM $$'
    run -127 --separate-stderr ex main -- nosuch
    [ "${stderr_lines[0]}" = 'executable file `nosuch` not found in $PATH: No such file or directory' ]
    [ "${stderr_lines[1]}" = "command terminated with exit code 127" ]
    run -126 ex main -- /etc/passwd
    contains "Permission denied"
    run -255 ex main -- sh -c 'exit 255'
    no_command_files
}

@test "what cannot be asked is said in kubectl's words" {
    run -4 ex nope -- ls
    contains 'pods "nope" not found'
    run -4 ex -n other main -- ls
    contains 'pods "main" not found'
    run -4 ex main -c nope -- ls
    contains "container nope is not valid for pod main"
    run -4 ex deploy/nope -- ls
    contains 'deployments "nope" not found'
    run -2 ex main ls
    contains "use exec POD -- COMMAND"
    run -2 ex main
    run -2 ex -- ls
    put gone '.spec.restartPolicy = "Never" | .spec.containers[0].command = ["true"]'
    state gone '.state == "Succeeded"'
    run -1 ex gone -- ls
    contains "container main in pod gone is not running"
    drop gone
    run -3 node env DAVIT_CONTROL="$OUT/none" davit exec main -- ls
}

@test "stdin goes in with -i alone, and its end is one; stderr is apart from stdout" {
    run -0 --separate-stderr ex main -- sh -c 'echo out; echo err >&2'
    [ "$output" = out ]
    [ "$stderr" = err ]
    [ "$(ex main -- sh -c 'echo out; echo err >&2' 2>/dev/null)" = out ]
    [ "$(echo in | ex -i main -- cat)" = in ]
    [ -z "$(echo in | ex main -- cat)" ]
    echo in >"$OUT/file"
    [ "$(ex -i main -- cat <"$OUT/file")" = in ]
    # A reader that goes ends the writer.
    [ "$(timeout 10 bash -c ". '$N/env'; davit exec main -- yes | head -1")" = y ]
    within 5 no_command_files
}

@test "5 MB go in and come out unchanged, by pipes and by files" {
    cat "$DIR/bytes" | ex -i main -- cat | cmp - "$DIR/bytes"
    ex -i main -- cat <"$DIR/bytes" >"$OUT/back"
    cmp "$OUT/back" "$DIR/bytes"
    ex -i main -- sh -c 'cat > /tmp/bytes' <"$DIR/bytes"
    ex main -- cat /tmp/bytes | cmp - "$DIR/bytes"
}

@test "what goes on in the background is not waited for, and what came before is whole" {
    local out
    put back '.spec.containers[0].command = ["sleep", $m + "4"]'
    running back
    out=$(timeout 20 bash -c ". '$N/env'; davit exec back -- sh -c 'sleep $MARK >/dev/null 2>&1 & seq 20000'" | md5sum)
    [ "$out" = "$(seq 20000 | md5sum)" ]
    # Through davit's own pipe, whose end another keeps, and writes on.
    timeout 20 bash -c ". '$N/env'; davit exec back -- sh -c 'seq 5000; yes & sleep $MARK &'" >"$OUT/file"
    cmp <(head -5000 "$OUT/file") <(seq 5000)
    within 5 eval '[ "$(sleepers "$MARK" | wc -l)" = 2 ]'
    drop back
    within 10 none_sleeps "$MARK"
}

@test "the container holds pipes, and neither files nor terminals of the device" {
    ex -i main -- ls -l /proc/self/fd <"$DIR/bytes" >"$OUT/fds" 2>"$OUT/err"
    [ "$(grep -c 'pipe:' "$OUT/fds")" = 3 ]
    run -1 grep -q "$DIR" "$OUT/fds"
    fresh
    type_line "davit exec -i main -- sh -c 'ls -l /proc/self/fd > /tmp/fds; echo rea''dy'"
    within 10 shows ready
    run -0 ex main -- cat /tmp/fds
    [[ $output != *"/dev/pts"* && $output != *tty* ]]
}

@test "the user, rights and environment are the container's own" {
    local what='id -u; id -g; grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; cat /proc/self/cgroup'
    run -0 ex two -c side -- sh -c "$what"
    [ "${lines[0]}" = 1234 ]
    [ "${lines[1]}" = 77 ]
    local of_exec of_container pid
    pid=$(sleepers "${MARK%??}1")
    of_exec=$(grep -E '^(Cap|NoNew|Secc)' <<<"$output")
    of_container=$(grep -E '^(Cap|NoNewPrivs|Seccomp:)' "/proc/$pid/status")
    [ "$of_exec" = "$of_container" ]
    [ "$(grep -o '/davit/.*' <<<"$output" | sort -u)" = "$(grep -o '/davit/.*' "/proc/$pid/cgroup" | sort -u)" ]
    # With a terminal too.
    fresh
    type_line "davit exec -it two -c side -- sh -c 'id -u; grep CapEff /proc/self/status'"
    within 10 shows 1234
    within 10 shows "$(grep CapEff "/proc/$pid/status" | expand)"
}

@test "of two containers the first is taken and said, or the one that is named; a deployment's pod by its name" {
    run -0 --separate-stderr ex two -- hostname
    [ "$stderr" = 'Defaulted container "main" out of: main, side' ]
    run -0 --separate-stderr ex pods/two -c main -- hostname
    [ -z "$stderr" ]
    jq -nc --arg m "$MARK" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "web"}, spec: {replicas: 1,
        selector: {matchLabels: {a: "b"}}, template: {metadata: {labels: {a: "b"}}, spec:
        {terminationGracePeriodSeconds: 0, containers: [{name: "main", image: "demo:1", command: ["sleep", $m]}]}}}}' |
        publish "$T/desired/default/deployments/web"
    running web-0
    run -0 ex deploy/web -- hostname
    [ "$output" = web-0 ]
    run -0 ex deployment/web -- hostname
    clear_topic "$T/desired/default/deployments/web"
    jq -nc '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "web", deletionTimestamp: "2026-01-01T00:00:00Z"},
        spec: {}}' | publish "$T/desired/default/deployments/web"
    within 20 none_sleeps "$MARK"
}

@test "-it without a terminal says so and goes on without one, as kubectl does" {
    run -0 --separate-stderr ex -it main -- sh -c 'tty; echo went on' </dev/null
    [ "$stderr" = "Unable to use a TTY - input is not a terminal or the right kind of file" ]
    [ "$output" = $'not a tty\nwent on' ]
}

@test "a terminal: a shell to type in, its size and what it becomes, and Ctrl-C goes in" {
    fresh
    type_line "stty -g >'$OUT/before'"
    within 10 has_file "$OUT/before"
    type_line 'davit exec -it main -- sh; echo "left with $?"'
    within 10 eval 'screen | grep -q "^/ #"'
    type_line 'stty size; tty; echo $TERM'
    within 10 shows xterm
    shows "30 100"
    shows /dev/pts/0
    tmux -L "davit-${MARK%??}" resize-window -t t -x 132 -y 40
    within 10 eval 'type_line "stty size"; sleep 0.2; shows "40 132"'
    tmux -L "davit-${MARK%??}" resize-window -t t -x 100 -y 30
    type_line "sleep $MARK"
    within 10 one_sleeps "$MARK"
    keys C-c
    within 10 none_sleeps "$MARK"
    type_line 'echo code $?'
    within 10 shows "code 130"
    type_line 'exit 5'
    within 10 shows "left with 5"
    type_line "stty -g >'$OUT/after'"
    within 10 cmp -s "$OUT/before" "$OUT/after"
    no_command_files
}

@test "a killed davit gives the terminal back, and its command ends" {
    local signal
    fresh
    type_line "stty -g >'$OUT/before'"
    within 10 has_file "$OUT/before"
    for signal in TERM INT HUP; do
        rm -f "$OUT/after"
        type_line "davit exec -it main -- sleep $MARK"
        within 10 one_sleeps "$MARK"
        kill -$signal "$(pgrep -fx "davit exec -it main -- sleep $MARK")"
        within 10 none_sleeps "$MARK"
        within 10 eval 'type_line "stty -g >$OUT/after"; sleep 0.2; cmp -s "$OUT/before" "$OUT/after"'
    done
    within 5 no_command_files
}

@test "a davit that is killed with -9 leaves no process in the container, whatever it ignores" {
    start_sleep "$MARK"
    kill -9 "$cli"
    wait "$cli" || true
    within 5 none_sleeps "$MARK"
    (. "$N/env" && exec davit exec main -- sh -c "trap '' HUP TERM; sleep $MARK & sleep ${MARK}2 & wait; sleep ${MARK}3") 3>&- &
    cli=$!
    within 10 one_sleeps "$MARK"
    within 10 one_sleeps "${MARK}2"
    kill -9 "$cli"
    wait "$cli" || true
    within 5 none_sleeps "$MARK"
    within 5 none_sleeps "${MARK}2"
    none_sleeps "${MARK}3"
    # A shell in a terminal, with what it has in the background.
    fresh
    type_line "davit exec -it main -- sh -c 'sleep $MARK & sleep ${MARK}2'"
    within 10 one_sleeps "${MARK}2"
    kill -9 "$(pgrep -fx "davit exec -it main -- sh -c .*")"
    within 5 none_sleeps "$MARK"
    within 5 none_sleeps "${MARK}2"
    keys C-c
    type_line 'reset'
    within 5 no_command_files
}

@test "Ctrl-C without a terminal ends davit and the command" {
    start_sleep "$MARK"
    kill -INT "$cli"
    ends_with 130
    within 5 none_sleeps "$MARK"
}

@test "a killed davitd ends davit with an error that says so, and the command" {
    start_sleep "$MARK"
    kill -9 "$(davitd_pid)"
    ends_with 3
    grep -q "davitd at .* ended while the command ran" "$OUT/cli"
    within 5 none_sleeps "$MARK"
    devnode_do davitd_start
    within 10 ex main -- true
    within 5 no_command_files
}

@test "a davitd that ends in order says so to davit, and ends the command" {
    start_sleep "$MARK"
    kill "$(davitd_pid)"
    ends_with 3
    grep -q "davitd ends, and the command with it" "$OUT/cli"
    within 5 none_sleeps "$MARK"
    within 10 eval '! kill -0 "$(davitd_pid)" 2>/dev/null'
    devnode_do davitd_start
    within 10 ex main -- true
}

@test "a killed davit-runtime ends davit with an error that says so, and its successor ends the command" {
    start_sleep "$MARK"
    kill -9 "$(child davit-runtime)"
    ends_with 3
    grep -q "the runtime host ended while the command ran" "$OUT/cli"
    within 10 none_sleeps "$MARK"
    within 10 ex main -- true
    within 5 no_command_files
    [ "$(sleepers "${MARK%??}" | wc -l)" = 2 ] # the containers themselves ran on
}

@test "a crun that is killed takes its command along" {
    start_sleep "$MARK"
    kill -9 "$(pgrep -f "crun .* exec .*$N/run/crun/bundles/.*/stream-")"
    ends_with 137
    within 5 none_sleeps "$MARK"
    no_command_files
}

@test "a pod that is removed, and one that ends, end their commands" {
    put short '.spec.containers[0].command = ["sleep", $m + "4"]'
    running short
    start_sleep "$MARK" short
    tombstone short
    ends_with 137
    within 10 silent "$T/state/default/pods/short"
    none_sleeps "$MARK"
    # Without a process namespace of its own nothing but Davit ends them.
    put host '.spec.hostPID = true | .spec.containers[0].command = ["sleep", $m + "4"]'
    running host
    start_sleep "$MARK" host
    tombstone host
    within 10 none_sleeps "$MARK"
    within 10 silent "$T/state/default/pods/host"
    wait "$cli" || true
}

@test "64 at a time, the next is refused with a reason, and probes are asked meanwhile" {
    local i refused=0
    put probed '.spec.containers[0].command = ["sleep", $m + "4"] | .spec.containers[0].readinessProbe =
        {exec: {command: ["test", "-e", "/tmp/ready"]}, periodSeconds: 1}'
    state probed '.state == "Running" and .ready == 0'
    for i in {1..64}; do
        (. "$N/env" && exec davit exec main -- sleep "$MARK") >/dev/null 2>&1 3>&- &
        echo $!
    done >"$OUT/pids"
    within 30 eval '[ "$(sleepers "$MARK" | wc -l)" = 64 ]'
    run -1 ex main -- true
    contains "64 commands run in containers of this device already"
    pid=$(head -1 "$OUT/pids")
    kill "$pid"
    within 5 eval '[ "$(sleepers "$MARK" | wc -l)" = 63 ]'
    run -0 ex probed -- touch /tmp/ready
    state probed '.ready == 1'
    xargs kill <"$OUT/pids" || true
    within 10 none_sleeps "$MARK"
    drop probed
    within 5 no_command_files
}

@test "fifty commands leave neither descriptors nor processes nor files" {
    local davitd runtime i before_davitd before_runtime
    davitd=$(davitd_pid) runtime=$(child davit-runtime)
    ex main -- true
    within 5 no_command_files
    before_davitd=$(fd_count "$davitd") before_runtime=$(fd_count "$runtime")
    for i in {1..40}; do
        echo "$i" | ex -i main -- cat >/dev/null
    done
    fresh
    type_line "for i in 0 1 2 3 4 5 6 7 8 9; do davit exec -it main -- true; done; echo th''rough"
    within 20 shows through
    within 5 fds_are "$davitd" "$before_davitd"
    within 5 fds_are "$runtime" "$before_runtime"
    no_command_files
    [ -z "$(pgrep -f "crun .* exec .*$N")" ]
    [ "$(pgrep -c -P "$runtime" crun)" = 0 ]
}
