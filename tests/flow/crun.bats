#!/usr/bin/env bats
# davit-runtime with the crun plugin: real conmon, crun, overlayfs and cgroups. See runtime-lib.bash.

bats_require_minimum_version 1.5.0
load runtime-lib.bash

@test "a container is created, started, ends with its code, and leaves nothing behind" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sh","-c","id -u; hostname; cat /data/file; echo $A; exit 3"]' "" "" \
            '{"Env":["A=from-image"],"User":"web"}'
        echo 'until "state":"exited"'
        call list - ""
        echo "wait 3"
        call remove "$UID1" "$(ref "$UID1" web 0)"
        echo "wait 4"
    } | play "$CRUN" > "$NODE/out"
    grep -q '"exitCode":3,"reason":"Error"' "$NODE/out"
    grep '"instances"' "$NODE/out" | grep -q '"record":{"hash":"h1"}'
    run -0 log_of "$UID1" web 0
    [[ "$output" == *" stdout F 33"*" stdout F hello"*" stdout F second"*" stdout F from-image"* ]]
    clear_all
    assert_nothing_left
}

one_sleeps_alone() { [ "$(pgrep -fxc "sleep $1")" = 1 ]; }

@test "creating twice makes one, and so does starting twice" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sleep","100"]'
        go "$UID1" web 0 '["sleep","100"]'
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    within 5 conmons_are 1
    clear_all
    assert_nothing_left
}

@test "containers of a pod share its network namespace, pods do not, and hostNetwork has the host's" {
    local command='["sh","-c","readlink /proc/self/ns/net"]'
    {
        echo "until opened"
        go "$UID1" one 0 "$command"
        go "$UID1" two 0 "$command"
        go "$UID2" one 0 "$command"
        HOST_NETWORK=true go "$UID2" host 0 "$command"
        echo "wait all"
        for log in "$UID1/one" "$UID1/two" "$UID2/one" "$UID2/host"; do echo "seen $NODE/logs/default_hello_$log/0.log net:"; done
    } | play "$CRUN" > "$NODE/out"
    ns() { log_of "$@" 0 | grep -o 'net:.*'; }
    [ "$(ns "$UID1" one)" = "$(ns "$UID1" two)" ]
    [ "$(ns "$UID1" one)" != "$(ns "$UID2" one)" ]
    [ "$(ns "$UID2" host)" = "$(readlink /proc/self/ns/net)" ]
    [ "$(ns "$UID1" one)" != "$(ns "$UID2" host)" ]
    clear_all
    assert_nothing_left
}

@test "containers of a pod share its System V IPC and /dev/shm over restarts of containers and hosts, pods do not" {
    local command='["sh","-c","readlink /proc/self/ns/ipc; cat /dev/shm/* ; echo \"by $HOSTNAME\" >/dev/shm/$$.$(date +%N)"]'
    {
        echo "until opened"
        go "$UID1" one 0 "$command"
        echo 'until "state":"exited"'
        go "$UID2" one 0 "$command"
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
    {
        echo "until opened"
        go "$UID1" two 0 "$command"
        echo 'until "state":"exited"'
        echo "wait all"
        echo "seen $NODE/logs/default_hello_$UID1/two/0.log by hello"
    } | play "$CRUN" > "$NODE/out2"
    ns() { log_of "$@" 0 | grep -o 'ipc:.*'; }
    [ "$(ns "$UID1" one)" = "$(ns "$UID1" two)" ]
    [ "$(ns "$UID1" one)" != "$(ns "$UID2" one)" ]
    log_of "$UID1" two 0 | grep "by hello"
    run -1 grep -q "by hello" "$NODE/logs/default_hello_$UID2/one/0.log"
    clear_all
    assert_nothing_left
}

at_most_one_pause() { [ "$(pauses)" -le 1 ]; }

pauses() { pgrep -f -- "^davit-pause $RUN/" | wc -l; }

@test "containers of a pod that wants it share their processes; its davit-pause is one, in the pod's cgroup, and goes with it" {
    local POD_MORE=',"shareProcessNamespace":true' mark=$((100000 + RANDOM))
    {
        echo "until opened"
        go "$UID1" one 0 '["sh","-c","sleep '"$mark"'1 & exec sleep '"$mark"'2"]'
        go "$UID1" two 0 '["sh","-c","cat /proc/1/comm /proc/1/cmdline; ls /proc/1/root/; echo sleeps $(cat /proc/[0-9]*/comm | grep -cx sleep); readlink /proc/self/ns/pid; exec sleep 100"]'
        go "$UID2" one 0 '["sh","-c","readlink /proc/self/ns/pid; exec sleep 100"]'
        echo "wait all"
        for log in "$UID1/two" "$UID2/one"; do echo "seen $NODE/logs/default_hello_$log/0.log pid:"; done
    } | play "$CRUN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    log_of "$UID1" two 0 > "$NODE/log"
    grep -aq 'stdout F davit-pause' "$NODE/log"
    grep -aq 'root/: Permission denied' "$NODE/log"
    grep -aq 'stdout F sleeps 2' "$NODE/log"
    [ "$(pauses)" = 2 ]
    [ "$(grep -ao 'pid:.*' "$NODE/log")" != "$(log_of "$UID2" one 0 | grep -o 'pid:.*')" ]
    grep -h '/davit/' "/proc/$(pgrep -f -- "^davit-pause $RUN/pods/$UID1")/cgroup" | grep -q "/davit/$UID1/pause$"
    # what a container forked ends with it
    pkill -f "^sleep ${mark}2"
    within 5 gone "^sleep ${mark}2"
    printf 'until opened\ncall list - 5000 \nwait 1\n' | play "$CRUN" > "$NODE/out"
    within 5 gone "^sleep ${mark}1"
    # and all end with the namespace; what is made again has another one
    pkill -9 -f -- "^davit-pause $RUN/pods/$UID1"
    within 5 gone "^davit-pause $RUN/pods/$UID1"
    {
        echo "until opened"
        call list - ""
        echo "wait 1"
        go "$UID1" two 1 '["sh","-c","readlink /proc/self/ns/pid; exec sleep 100"]'
        echo "wait all"
        echo "seen $NODE/logs/default_hello_$UID1/two/1.log pid:"
    } | play "$CRUN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    grep '"instances"' "$NODE/out" | grep -q '"container":"two","state":"exited","logPath":"[^"]*","attempt":0.*"exitCode":137'
    [ "$(pauses)" = 2 ]
    [ "$(grep -ao 'pid:.*' "$NODE/log")" != "$(log_of "$UID1" two 1 | grep -o 'pid:.*')" ]
    clear_all
    [ "$(pauses)" = 0 ]
    assert_nothing_left
}

@test "killed at any moment of making a shared PID namespace, a host leaves one davit-pause or none" {
    local POD_MORE=',"shareProcessNamespace":true' delay
    for delay in 0 2 4 6 8 10 12 15 18 22 26 32 40 50; do
        {
            echo "until opened"
            printf 'call create %s 30000 %s\n' "$UID1" "$(doc "$UID1" web 0 '["sleep","100"]')"
            echo "sleep $delay"
            echo "kill"
        } | play "$CRUN" > "$NODE/out" || true
        within 5 at_most_one_pause
        clear_all
        [ "$(pauses)" = 0 ]
    done
    assert_nothing_left
}

@test "emptyDir outlives a container, hostPath is what its type says, and read-only is" {
    local mounts='{"name":"e","mountPath":"/e"},{"name":"h","mountPath":"/h","readOnly":true}'
    local volumes='{"name":"e","emptyDir":{}},{"name":"h","hostPath":{"path":"'$NODE'/hp/deep","type":"DirectoryOrCreate"}}'
    {
        echo "until opened"
        go "$UID1" web 0 '["sh","-c","touch /e/kept; touch /h/x || echo denied"]' "$mounts" "$volumes"
        echo 'until "state":"exited"'
        call remove "$UID1" "$(ref "$UID1" web 0)"
        go "$UID1" web 1 '["ls","/e"]' "$mounts" "$volumes"
        echo 'until "state":"exited"'
    } | play "$CRUN" > "$NODE/out"
    log_of "$UID1" web 0 | grep -q denied
    log_of "$UID1" web 1 | grep -q kept
    [ "$(stat -c %a "$NODE/hp")" = 755 ]
    [ "$(stat -c %a "$NODE/state/pods/$UID1/volumes/e")" = 777 ]
    clear_all
    assert_nothing_left
}

@test "a create that fails says why in Kubernetes' words, and leaves nothing" {
    mkdir -p "$NODE/linked"
    ln -s /tmp "$NODE/linked/dev"
    local volumes='{"name":"h","hostPath":{"path":"/etc/passwd","type":"Directory"}}'
    {
        echo "until opened"
        call create "$UID1" "$(doc "$UID1" web 0 '["no-such-program"]')"
        call create "$UID1" "$(doc "$UID1" web 0 '[]')"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' '{"name":"h","mountPath":"/h"}' "$volumes")"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' "" "" '{}' "\"$DIR/layers/1\",\"$NODE/linked\"")"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' "" "" '{"User":"nobody-knows"}')"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' "" "" '{}' "\"$NODE/absent\"")"
        call create "$UID1" "$(doc "$UID1" web 0 '["ls"]' '{"name":"h","mountPath":"/proc/sys"}' "$volumes")"
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
    grep '"id":1,' "$NODE/out" | grep '"result":"failed","reason":"StartError"' | grep -q 'no-such-program'
    grep '"id":2,' "$NODE/out" | grep '"result":"invalid","reason":"CreateContainerError"' | grep -q 'no command specified'
    grep '"id":3,' "$NODE/out" | grep '"result":"failed","reason":"FailedMount"' | grep -q '/etc/passwd is not a directory'
    grep '"id":4,' "$NODE/out" | grep '"result":"invalid","reason":"InvalidImage"' | grep -q '/dev is a symbolic link'
    grep '"id":5,' "$NODE/out" | grep -q '"result":"invalid","reason":"CreateContainerError"'
    grep '"id":6,' "$NODE/out" | grep -q '"result":"failed","reason":"CreateContainerError"'
    grep '"id":7,' "$NODE/out" | grep -q '"result":"invalid","reason":"FailedMount"'
    [ "$(in_ns ls "$NODE/state/pods")" = "" ]
    assert_nothing_left
}

@test "stop sends the image's signal, force kills, and one that was not started ends too" {
    local command='["sh","-c","trap \"exit 9\" QUIT; trap \"\" TERM; echo set; while :; do sleep 0.05; done"]'
    {
        echo "until opened"
        go "$UID1" quits 0 "$command" "" "" '{"StopSignal":"SIGQUIT"}'
        go "$UID1" stays 0 "$command"
        call create "$UID1" "$(doc "$UID1" waits 0 '["sleep","100"]')"
        echo "wait all"
        echo "seen $NODE/logs/default_hello_$UID1/quits/0.log set"
        echo "seen $NODE/logs/default_hello_$UID1/stays/0.log set"
        call stop "$UID1" "$(ref "$UID1" quits 0)"
        echo 'until "exitCode":9'
        call stop "$UID1" "$(ref "$UID1" stays 0)"
        echo "sleep 300"
        call list - ""
        call stop "$UID1" "$(ref "$UID1" stays 0 ',"force":true')"
        echo 'until "exitCode":137,"signal":9,"reason":"Error"'
        call stop "$UID1" "$(ref "$UID1" waits 0)"
        echo 'until "container":"waits","state":"exited"'
    } | play "$CRUN" > "$NODE/out"
    grep '"instances"' "$NODE/out" | grep -q '"container":"stays","state":"running"'
    clear_all
    assert_nothing_left
}

@test "what runs is taken over by the next host, and an end in between is known with its code and time" {
    {
        echo "until opened"
        go "$UID1" stays 0 '["sleep","100"]'
        go "$UID1" ends 0 '["sh","-c","sleep 0.5; exit 5"]'
        call create "$UID1" "$(doc "$UID1" waits 0 '["sleep","100"]')"
        echo "wait all"
        echo "kill"
    } | play "$CRUN" > "$NODE/out" || true
    within 10 in_ns test -e "$RUN/exits/$(tr -d - <<<"$UID1" | cut -c1-12)-ends-0"
    {
        echo "until opened"
        call list - ""
        echo "wait 1"
        call start "$UID1" "$(ref "$UID1" waits 0)"
        echo "wait 2"
    } | play "$CRUN" > "$NODE/out2"
    run -0 grep '"instances"' "$NODE/out2"
    [[ "$output" == *'"container":"stays","state":"running"'* ]]
    [[ "$output" == *'"container":"waits","state":"created"'* ]]
    [[ "$output" == *'"container":"ends","state":"exited"'*'"exitCode":5'* ]]
    grep -q '"container":"waits","state":"running"' "$NODE/out2"
    within 5 conmons_are 2
    clear_all
    assert_nothing_left
}

@test "a container whose conmon was killed runs on unsupervised, and ends as ContainerStatusUnknown" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sleep","100"]'
        echo "wait all"
        echo "sleep 3000"
        call stop "$UID1" "$(ref "$UID1" web 0 ',"force":true')"
        echo 'until ContainerStatusUnknown'
    } | play "$CRUN" > "$NODE/out" &
    until grep -q '"id":2,"ok":true' "$NODE/out"; do sleep 0.05; done
    kill -9 "$(in_ns sh -c "cat $RUN/bundles/*/conmon.pid")"
    wait $!
    grep -q '"state":"running".*"supervised":false' "$NODE/out"
    grep -q '"exitCode":137,"signal":9,"reason":"ContainerStatusUnknown"' "$NODE/out"
    clear_all
    assert_nothing_left
}

@test "a start whose container was killed before it read its fifo is answered at once, and the end is told" {
    local conmon
    {
        echo "until opened"
        call create "$UID1" "$(doc "$UID1" web 0 '["sleep","100"]')"
        echo "wait all"
        echo "sleep 1000"
        call start "$UID1" "$(ref "$UID1" web 0)"
        echo "wait all"
        echo "until exitCode"
    } | play "$CRUN" > "$NODE/out" &
    until grep -q '"id":1,"ok":true' "$NODE/out"; do sleep 0.05; done
    conmon=$(in_ns sh -c "cat $RUN/bundles/*/conmon.pid")
    kill -STOP "$conmon" # so that crun finds what it looks for
    pkill -9 -P "$conmon"
    within 5 grep -q '"id":2,"ok":true' "$NODE/out"
    kill -CONT "$conmon"
    wait $!
    grep -q '"exitCode":137,"signal":9' "$NODE/out"
    clear_all
    assert_nothing_left
}

@test "a second host waits for the first, ends it, and takes its place" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sleep","100"]'
        echo "wait all"
        echo "mark"
        echo "restart"
        echo "until opened"
        echo "lap fence"
        call list - ""
        echo "until instances"
    } | play "$CRUN" > "$NODE/out" 2> "$NODE/err"
    [ "$(grep -o '"us":[0-9]*' "$NODE/out" | cut -d: -f2)" -ge 4900000 ]
    grep '"instances"' "$NODE/out" | grep -q '"state":"running"'
    clear_all
    assert_nothing_left
}

@test "killed at any moment of create and start, the next host finds one copy or none, and nothing is lost" {
    local round pause alone=$((100000 + RANDOM))
    for round in $(seq 1 "${DAVIT_KILL_ROUNDS:-25}"); do
        pause=$((RANDOM % 110))
        {
            echo "until opened"
            go "$UID1" web "$round" "[\"sleep\",\"$alone\"]"
            go "$UID2" web "$round" "[\"sleep\",\"$alone\"]"
            echo "sleep $pause"
            echo "kill"
            echo "restart"
            echo "until opened"
            call list - ""
            echo "wait 5"
            go "$UID1" web "$round" "[\"sleep\",\"$alone\"]"
            go "$UID2" web "$round" "[\"sleep\",\"$alone\"]"
            echo "wait all"
        } | play "$CRUN" > "$NODE/out" 2> "$NODE/err" || { cat "$NODE/out" "$NODE/err" >&2; return 1; }
        assert_all_ok "$NODE/out" || { cat "$NODE/err" >&2; echo "round $round after $pause ms" >&2; return 1; }
        # `crun start` answers just before the container's own program takes the place of crun's.
        for _ in $(seq 40); do
            [ "$(pgrep -fxc "sleep $alone")" != 2 ] || break
            sleep 0.05
        done
        [ "$(pgrep -fxc "sleep $alone")" = 2 ] || { echo "round $round after $pause ms: not one copy each" >&2; return 1; }
        [ "$(processes_of_node | wc -l)" = 2 ] || { echo "round $round after $pause ms: not one conmon each" >&2; return 1; }
        clear_instances "$round"
    done
    clear_all
    assert_nothing_left
}

@test "after a reboot nothing runs, old writable layers go, and the same names can be made again" {
    {
        echo "until opened"
        go "$UID1" web 0 '["sleep","100"]' '{"name":"e","mountPath":"/e"}' '{"name":"e","emptyDir":{}}'
        echo "wait all"
        echo "kill"
    } | play "$CRUN" > "$NODE/out" || true
    local pids pid
    pids=$(in_ns sh -c "cat $RUN/bundles/*/pid; echo; cat $RUN/bundles/*/conmon.pid")
    for pid in $pids; do kill -9 "$pid" || true; done
    sleep 0.2
    in_ns sh -c "umount -l $RUN/bundles/*/rootfs $RUN/netns/* $RUN/pods/*/*; rm -rf $RUN"
    {
        echo "until opened"
        call list - ""
        echo "wait 1"
        echo "sleep 300"
        go "$UID1" web 0 '["sleep","100"]' '{"name":"e","mountPath":"/e"}' '{"name":"e","emptyDir":{}}'
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
    grep -q "\"instances\":\[\],\"pods\":\[\"$UID1\"\]" "$NODE/out"
    grep -q '"state":"running"' "$NODE/out"
    [ -z "$(ls -A "$NODE/state/trash")" ]
    clear_all
    assert_nothing_left
}

@test "an image of many layers with long paths is mounted, highest on top" {
    local layers="" i folder
    for i in $(seq 1 100); do
        folder="$NODE/layers/$(printf '%064d' "$i")"
        mkdir -p "$folder"
        echo "$i" > "$folder/top"
        layers="$layers,\"$folder\""
    done
    {
        echo "until opened"
        go "$UID1" web 0 '["cat","/top","/data/file"]' "" "" '{}' "\"$DIR/layers/1\",\"$DIR/layers/2\"$layers"
        echo 'until "state":"exited"'
    } | play "$CRUN" > "$NODE/out"
    run -0 log_of "$UID1" web 0
    [[ "$output" == *"stdout F 100"*"stdout F second"* ]]
    clear_all
    assert_nothing_left
}

@test "twenty containers come up side by side" {
    local i
    {
        echo "until opened"
        for i in $(seq 1 20); do
            call create "L$((i % 4))" "$(doc "$UID1" "c$i" 0 '["sleep","100"]')"
            call start "L$((i % 4))" "$(ref "$UID1" "c$i" 0)"
        done
        echo "wait all"
    } | play "$CRUN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    within 5 conmons_are 20
    clear_all
    assert_nothing_left
}

@test "a create over its deadline leaves nothing, whenever it comes" {
    local ms id=0
    {
        echo "until opened"
        for ms in 1 5 10 15 20 25 30 40 50; do
            echo "call create $UID1 $ms $(doc "$UID1" "c$ms" 0 '["sleep","100"]')"
            echo "wait $((id += 1))"
        done
        call stop "$UID1" "$(ref "$UID1" any 0)" # comes when the lane is free
        echo "wait $((id += 1))"
    } | play "$CRUN" > "$NODE/out"
    grep -q '"result":"deadline"' "$NODE/out"
    # one that was made in the last moment was told of; any other is gone
    [ "$(pgrep -f -- "conmon.*$RUN/" | wc -l)" = "$(grep -c '"event":"changed"' "$NODE/out")" ]
    clear_all
    assert_nothing_left
}

@test "a host that hangs in the middle of a create is ended by the next one, and there is one copy" {
    local pause alone=$((200000 + RANDOM)) command
    command="[\"sleep\",\"$alone\"]"
    for pause in 5 25 45; do
        {
            echo "until opened"
            go "$UID1" web "$pause" "$command"
            echo "sleep $pause"
            echo "freeze"
            echo "restart"
            echo "until opened"
            go "$UID1" web "$pause" "$command"
            echo "wait all"
        } | play "$CRUN" > "$NODE/out" 2> "$NODE/err"
        assert_all_ok "$NODE/out"
        within 5 one_sleeps_alone "$alone"
        clear_all
        assert_nothing_left
    done
}

@test "killed in the middle of remove and release, the next host finishes them" {
    local round
    for round in $(seq 1 10); do
        {
            echo "until opened"
            go "$UID1" web "$round" '["true"]'
            echo 'until "state":"exited"'
            call remove "$UID1" "$(ref "$UID1" web "$round")"
            call release "$UID1" "{\"uid\":\"$UID1\"}"
            echo "sleep $((RANDOM % 40))"
            echo "kill"
            echo "restart"
            echo "until opened"
            call remove "$UID1" "$(ref "$UID1" web "$round")"
            call release "$UID1" "{\"uid\":\"$UID1\"}"
            echo "wait all"
        } | play "$CRUN" > "$NODE/out" 2> "$NODE/err"
        assert_all_ok "$NODE/out"
        assert_nothing_left
    done
}

@test "containers that end at once are always told to have ended" {
    local i
    {
        echo "until opened"
        for i in $(seq 1 20); do
            go "$UID1" web "$i" '["true"]'
        done
        echo "wait all"
        for i in $(seq 1 20); do
            echo "seen $NODE/out \"state\":\"exited\",\"logPath\":\"$NODE/logs/default_hello_$UID1/web/$i.log\""
        done
        call list - ""
        echo "wait 41"
    } | play "$CRUN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    [ "$(grep -c '"event":"changed".*"state":"exited".*"exitCode":0,"reason":"Completed"' "$NODE/out")" = 20 ]
    run ! grep '"instances".*"state":"running"' "$NODE/out"
    clear_all
    assert_nothing_left
}
