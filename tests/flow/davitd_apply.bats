#!/usr/bin/env bats
# Pods from document to container, with a real broker, conmon and crun: what is honoured, what replaces a container and
# what does not, how containers end.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    image_with_user
    flow_node
    node davit image import "$DIR/user.tar"
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

# demo:1 again as user:1, whose image says USER 1234:5678.
image_with_user() {
    local work=$DIR/image old new
    mkdir "$work"
    tar -xf "$DIR/demo.tar" -C "$work"
    old=$(jq -r '.[0].Config' "$work/manifest.json")
    jq -c '.config.User = "1234:5678" | .config.Env = ["FROM=image", "BOTH=image"] | .config.WorkingDir = "/tmp"' \
        "$work/$old" >"$work/new.json"
    new=$(sha256sum "$work/new.json" | cut -c1-64).json
    mv "$work/new.json" "$work/$new"
    jq -c --arg new "$new" '.[0].Config = $new | .[0].RepoTags = ["user:1"]' "$work/manifest.json" >"$work/m"
    mv "$work/m" "$work/manifest.json"
    tar -cf "$DIR/user.tar" -C "$work" .
}

main_pid() { # NUMBER
    within 5 one_sleeps "$1" && sleepers "$1"
}

@test "a pod published with mosquitto_pub runs, is updated and deleted" {
    put a ".spec.containers[0].command = [\"sleep\", \"${MARK}1\"]"
    running a
    within 2 one_sleeps "${MARK}1"
    put a ".spec.containers[0].command = [\"sleep\", \"${MARK}2\"]"
    within 10 one_sleeps "${MARK}2"
    none_sleeps "${MARK}1"
    running a
    status a '.status.observedGeneration == 2 and .metadata.generation == 2'
    drop a
    none_sleeps "${MARK}2"
    within 2 silent "$T/status/default/pods/a"
}

@test "davit applies, updates and deletes the same" {
    pod b ".spec.containers[0].command = [\"sleep\", \"${MARK}1\"]" >"$OUT/b.json"
    run -0 node davit apply -f "$OUT/b.json" --wait
    contains "pod/b created"
    one_sleeps "${MARK}1"
    run -0 node davit apply -f - --wait < <(sed "s/${MARK}1/${MARK}2/" "$OUT/b.json")
    contains "pod/b configured"
    one_sleeps "${MARK}2"
    none_sleeps "${MARK}1"
    run -0 node davit delete pod b
    contains "deleted"
    within 5 silent "$T/status/default/pods/b"
    none_sleeps "${MARK}2"
}

@test "command, args, env and workingDir are honoured" {
    put c "$(shell 'pwd >/out/pwd; env >/out/env; for w in "$@"; do echo "$w"; done >/out/args; exec sleep $0') |
        .spec.containers[0] += {args: [\$m, \"one\", \"two words\"], workingDir: \"/usr/bin\",
            env: [{name: \"GREETING\", value: \"guten Tag = €\"}]}"
    running c
    within 2 has_file "$OUT/args" 2
    [ "$(cat "$OUT/pwd")" = /usr/bin ]
    [ "$(cat "$OUT/args")" = "$(printf 'one\ntwo words')" ]
    grep -qx 'GREETING=guten Tag = €' "$OUT/env"
    grep -qx 'HOSTNAME=c' "$OUT/env"
    drop c
}

@test "the image's user, environment and folder hold where the pod says nothing" {
    put u "$(shell 'id -u >/out/id; id -g >>/out/id; pwd >/out/pwd; env >/out/env; exec sleep $m') |
        .spec.containers[0] += {image: \"user:1\", env: [{name: \"BOTH\", value: \"pod\"}]} |
        .spec.containers[0].command[2] |= gsub(\"[\$]m\"; \$m)"
    running u
    within 2 has_file "$OUT/env"
    [ "$(cat "$OUT/id")" = "$(printf '1234\n5678')" ]
    [ "$(cat "$OUT/pwd")" = /tmp ]
    grep -qx 'FROM=image' "$OUT/env"
    grep -qx 'BOTH=pod' "$OUT/env"
    drop u
}

@test "two containers share an emptyDir, which is kept over a container's restart and goes with the pod" {
    put e '.spec |= {terminationGracePeriodSeconds: 0, volumes: [{name: "box", emptyDir: {}}], containers: [
        {name: "writer", image: "demo:1", volumeMounts: [{name: "box", mountPath: "/w"}],
            command: ["sh", "-c", "echo x >>/w/starts; exec sleep \($m)1"]},
        {name: "reader", image: "demo:1", volumeMounts: [{name: "box", mountPath: "/r", readOnly: true}],
            command: ["sh", "-c", "until [ -s /r/starts ]; do sleep 0.05; done; touch /r/no || exec sleep \($m)2"]}]}'
    running e
    state e '.containers == 2 and .containersReady == 2'
    local reader box
    reader=$(main_pid "${MARK}2")
    kill -9 "$(main_pid "${MARK}1")"
    within 5 has_file "/proc/$reader/root/r/starts" 2
    state e '.restarts == 1 and .ready == 1'
    [ "$(sleepers "${MARK}2")" = "$reader" ]
    box=$(find "$N/state/crun/pods" -name starts)
    [ -n "$box" ]
    drop e
    [ ! -e "$box" ]
    [ -z "$(ls "$N/state/crun/pods")" ]
}

@test "a hostPath that is readOnly cannot be written" {
    echo given >"$OUT/given"
    put h "$(shell 'if touch /ro/new 2>/dev/null; then echo written; else cat /ro/given; fi >/out/result; exec sleep 9') |
        .spec.containers[0].volumeMounts += [{name: \"out\", mountPath: \"/ro\", readOnly: true}]"
    within 10 has_file "$OUT/result"
    [ "$(cat "$OUT/result")" = given ]
    [ ! -e "$OUT/new" ]
    drop h
}

@test "restartPolicy Never: ends once, with its exit code" {
    put n "$(shell 'echo s >>/out/starts; exit 3') | .spec.restartPolicy = \"Never\""
    state n '.state == "Failed" and .restarts == 0'
    status n '.status.containerStatuses[0].state.terminated | .exitCode == 3 and .reason == "Error"'
    put n0 "$(shell 'echo s >>/out/starts0') | .spec.restartPolicy = \"Never\""
    state n0 '.state == "Succeeded" and .ready == 0'
    status n0 '.status.phase == "Succeeded" and .status.containerStatuses[0].state.terminated.reason == "Completed"'
    [ "$(lines "$OUT/starts")" = 1 ]
    [ "$(lines "$OUT/starts0")" = 1 ]
    drop n n0
}

@test "restartPolicy OnFailure: again after a failure, not after a success" {
    put f "$(shell 'echo s >>/out/starts; [ $(wc -l </out/starts) -ge 2 ]') | .spec.restartPolicy = \"OnFailure\""
    state f '.state == "Succeeded" and .restarts == 1'
    [ "$(lines "$OUT/starts")" = 2 ]
    drop f
}

@test "restartPolicy Always: the first restart comes at once, the second waits as CrashLoopBackOff" {
    put w "$(shell 'echo s >>/out/starts; exit 7')"
    status w '.status.containerStatuses[0] | .state.waiting.reason == "CrashLoopBackOff" and .restartCount == 1 and
        .lastState.terminated.exitCode == 7'
    state w '.reason == "CrashLoopBackOff" and .state == "Running" and .ready == 0'
    status w "$(condition Ready).status == \"False\""
    [ "$(lines "$OUT/starts")" = 2 ]
    drop w
}

@test "a process that does not hear SIGTERM is killed after the grace period, not before" {
    put g ".spec.terminationGracePeriodSeconds = 2"
    running g
    main_pid "$MARK"
    local begin
    begin=$(date +%s%3N)
    tombstone g
    within 10 grep -q "^$T/state/default/pods/g .*\"Terminating\"" "$DIR/record"
    within 6 none_sleeps "$MARK"
    local took=$(($(date +%s%3N) - begin))
    echo "it took $took ms"
    [ $took -ge 1900 ]
    [ $took -le 4000 ]
    within 2 silent "$T/state/default/pods/g"
}

@test "a process that hears SIGTERM ends at once" {
    put t "$(shell 'trap "echo heard >/out/heard; exit 0" TERM; echo up >/out/up; while :; do sleep 0.1; done') |
        .spec.terminationGracePeriodSeconds = 30"
    within 10 has_file "$OUT/up"
    local begin
    begin=$(date +%s%3N)
    drop t
    [ $(($(date +%s%3N) - begin)) -lt 3000 ]
    [ "$(cat "$OUT/heard")" = heard ]
}

@test "labels, annotations and fields that are ignored do not restart a container; honoured ones do" {
    put l
    running l
    local pid
    pid=$(main_pid "$MARK")
    put l '.metadata.labels = {a: "b"} | .metadata.annotations = {c: "d"}'
    status l '.status.observedGeneration == 2'
    put l '.spec.priority = 7 | .spec.containers[0].resizePolicy = []'
    status l '.status.observedGeneration == 3'
    put l '.spec |= {terminationGracePeriodSeconds: 0, restartPolicy: "Always", hostNetwork: false} + .'
    status l '.status.observedGeneration == 4'
    # As many commits as would be needed to see a stop.
    put l2
    running l2
    drop l2
    [ "$(sleepers "$MARK")" = "$pid" ]
    put l '.spec.containers[0].env = [{name: "A", value: "1"}]'
    status l '.status.observedGeneration == 5'
    within 5 none_sleeps_as "$pid"
    running l
    state l '.restarts == 0'
    one_sleeps "$MARK"
    drop l
}

none_sleeps_as() {
    [ ! -e "/proc/$1" ]
}

@test "what no field takes is listed as ignored, with its path" {
    put i '.spec.affinity = {a: "b"} | .spec.schedulerName = "other" | .spec.priorityClassName = "high" |
        .spec.containers[0].ports = [{containerPort: 80, color: "red"}]'
    status i "$(condition IgnoredFields) | .status == \"True\" and (.fields | sort) == ([\"spec.affinity\",
        \"spec.containers[0].ports[0].color\", \"spec.priorityClassName\", \"spec.schedulerName\"] | sort)"
    running i
    drop i
}

@test "hostNetwork has the host's network, else the pod has one of its own with lo, which its containers share" {
    put p1 "$(shell 'readlink /proc/self/ns/net >/out/host; exec sleep 9') | .spec.hostNetwork = true"
    put p2 "$(shell 'readlink /proc/self/ns/net >/out/own; hostname >/out/name; ping -c1 -W1 127.0.0.1 >/out/ping; exec sleep 9') |
        .spec.containers += [.spec.containers[0] | .name = \"second\" |
            .command[2] = \"readlink /proc/self/ns/net >/out/second; exec sleep 9\"]"
    within 10 has_file "$OUT/host"
    within 10 has_file "$OUT/second"
    within 10 has_file "$OUT/ping"
    [ "$(cat "$OUT/host")" = "$(readlink /proc/self/ns/net)" ]
    [ "$(cat "$OUT/own")" != "$(cat "$OUT/host")" ]
    [ "$(cat "$OUT/own")" = "$(cat "$OUT/second")" ]
    [ "$(cat "$OUT/name")" = p2 ]
    grep -q '1 packets received' "$OUT/ping"
    drop p1 p2
}

@test "an image that is not there is said so, and runs once it is imported" {
    put m '.spec.containers[0].image = "late:1" | .spec.containers[0].imagePullPolicy = "Never"'
    status m '.status.containerStatuses[0].state.waiting.reason == "ErrImageNeverPull"'
    state m '.state == "Pending" and .reason == "ErrImageNeverPull"'
    "$TOP/scripts/busybox-image.sh" "$OUT/late.tar" late:1
    node davit image import "$OUT/late.tar"
    running m
    drop m
}

@test "nothing is left of all these pods" {
    within 5 none_sleeps "${MARK%??}.*"
    local left
    left=$(node "$TOP/scripts/devnode.sh" exec "$N" cat /proc/self/mountinfo | grep -c " - overlay .*$N/" || true)
    [ "$left" = 0 ]
    [ -z "$(find "$N/run/crun/bundles" "$N/run/crun/netns" "$N/run/crun/exits" "$N/state/crun/upper" \
        "$N/state/crun/pods" -mindepth 1)" ]
}

@test "a list where an object belongs is refused, and the node goes on; by the broker, a bundle and the manifests folder" {
    local pid
    pid=$(davitd_pid)
    printf '{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"bad"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":[{"storage":"1Gi"}]}}}' |
        publish "$T/desired/default/persistentvolumeclaims/bad"
    within 10 says "$T/status/default/persistentvolumeclaims/bad" "$(condition Accepted) | .status == \"False\" and (.message | test(\"must be an object\"))"
    put bad '.spec.volumes = [["a"]]'
    within 10 says "$T/status/default/pods/bad" "$(condition Accepted) | .status == \"False\""
    printf '{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"bad"},"spec":{"selector":["a"],"template":{"spec":{"containers":[{"name":"a","image":"demo:1"}]}},"volumeClaimTemplates":[{"metadata":{"name":"d"},"spec":["a"]}]}}' |
        publish "$T/desired/default/statefulsets/bad"
    within 10 says "$T/status/default/statefulsets/bad" "$(condition Accepted) | .status == \"False\""
    printf 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bad}\nspec: {selector: [a], template: {spec: {containers: [{name: a, image: "demo:1"}]}}}\n' >"$N/manifests/bad.yaml"
    within 10 grep -q 'bad.yaml' "$DIR/record"
    [ "$(davitd_pid)" = "$pid" ]
    kill -0 "$pid"
    rm "$N/manifests/bad.yaml"
    clear_topic "$T/desired/default/persistentvolumeclaims/bad"
    clear_topic "$T/desired/default/pods/bad"
    clear_topic "$T/desired/default/statefulsets/bad"
}

@test "of two files with one object the first one rules, and the other is named; nothing takes turns" {
    put_file() { pod twice ".spec.containers[0].command = [\"sleep\", \"$MARK$2\"]" >"$N/manifests/$1.json"; }
    put_file a 1
    within 10 one_sleeps "${MARK}1"
    put_file b 2
    within 10 grep -q 'b.json: default/pods/twice is in a.json already' "$DIR/record"
    touch "$N/manifests/b.json"
    sleep 1
    one_sleeps "${MARK}1"
    none_sleeps "${MARK}2"
    rm "$N/manifests/a.json"
    within 10 one_sleeps "${MARK}2"
    rm "$N/manifests/b.json"
    within 10 none_sleeps "${MARK}2"
}
