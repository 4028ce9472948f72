#!/usr/bin/env bats
# Jobs, CronJobs and Apps: what runs, how often, and what is told of it.

bats_require_minimum_version 1.5.0
load davitd
load owners

setup_file() {
    flow_dir
    flow_node
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

# job NAME SHELL [JQ]: a Job whose pods run a line for the shell, and see the test's folder as /out
job() {
    jq -nc --arg name "$1" --arg line "$2" --arg out "$OUT" '{apiVersion: "batch/v1", kind: "Job", metadata: {name: $name},
        spec: {template: {spec: {restartPolicy: "Never", terminationGracePeriodSeconds: 0, volumes: [{name: "out", hostPath: {path: $out}}],
            containers: [{name: "main", image: "demo:1", command: ["sh", "-c", $line], volumeMounts: [{name: "out", mountPath: "/out"}]}]}}}} | '"${3:-.}"
}

complete() { # NAME [SECONDS]
    owner "jobs/$1" "$(condition Complete) | .status == \"True\"" "${2:-30}"
}

@test "a Job of three, two at a time" {
    job three 'echo $(hostname) begins >>/out/ran; until [ -e /out/go ]; do sleep 0.1; done; sleep 0.3; echo $(hostname) ends >>/out/ran' '.spec += {completions: 3, parallelism: 2}' |
        want jobs/three
    owner jobs/three '.status | .active == 2 and .ready == 2 and .startTime'
    touch "$OUT/go"
    complete three
    owner jobs/three '.status | .succeeded == 3 and .failed == 0 and .active == 0 and .completionTime'
    [ "$(grep -c begins "$OUT/ran")" = 3 ]
    # Never more than two at a time.
    awk '/begins/ { if (++n > 2) exit 1 } /ends/ { n-- }' "$OUT/ran"
    for i in 0 1 2; do
        status "three-$i" '.status.phase == "Succeeded" and .status.source == "jobs/three"'
    done
    run -0 node davit get jobs
    [[ $output =~ three\ +Complete\ +3/3 ]] || { echo "$output"; return 1; }
    run -0 node davit delete job three --wait
    within 10 silent "$T/status/default/pods/three-2"
}

@test "one that fails is tried again after ten seconds, and no more often than it may" {
    job bad 'date +%s >>/out/ran; exit 3' '.spec.backoffLimit = 1' | want jobs/bad
    owner jobs/bad "$(condition Failed) | .status == \"True\" and .reason == \"BackoffLimitExceeded\"" 40
    owner jobs/bad '.status | .failed == 2 and .succeeded == 0'
    [ "$(wc -l <"$OUT/ran")" = 2 ]
    [ $(($(sed -n 2p "$OUT/ran") - $(sed -n 1p "$OUT/ran"))) -ge 9 ]
    status bad-0 '.status.phase == "Failed"'
    status bad-1 '.status.phase == "Failed"'
    run -1 node davit apply -f <(job bad 'date +%s >>/out/ran; exit 3' '.spec.backoffLimit = 1') --wait=10
    contains "it ran and failed"
    run -0 node davit get jobs bad
    [[ $output =~ bad\ +Failed\ +0/1 ]] || { echo "$output"; return 1; }
}

@test "with OnFailure the container is restarted, in the same pod" {
    job again 'echo x >>/out/ran; [ $(wc -l </out/ran) -ge 2 ]' '.spec.template.spec.restartPolicy = "OnFailure"' | want jobs/again
    complete again
    status again-0 '.status.phase == "Succeeded" and .status.containerStatuses[0].restartCount == 1'
    silent "$T/status/default/pods/again-1"
}

@test "an Indexed one gives each pod its index" {
    job index 'echo $JOB_COMPLETION_INDEX $(hostname) >>/out/ran' '.spec += {completions: 3, parallelism: 3, completionMode: "Indexed"}' |
        want jobs/index
    complete index
    owner jobs/index '.status.completedIndexes == "0-2"'
    [ "$(sort "$OUT/ran" | tr '\n' ' ')" = "0 index-0 1 index-1 2 index-2 " ]
}

@test "one that is over goes after its time, and never comes back by itself" {
    job gone 'echo x >>/out/ran' '.spec.ttlSecondsAfterFinished = 2' | want jobs/gone
    complete gone
    within 15 silent "$T/status/default/jobs/gone"
    within 5 silent "$T/status/default/pods/gone-0"
    kill_davitd
    within 10 says "$T/presence" .online
    sleep 2
    [ "$(wc -l <"$OUT/ran")" = 1 ]
    silent "$T/status/default/jobs/gone"
}

@test "kill -9 of davitd in the middle of a Job: nothing runs twice" {
    job kill 'echo $(hostname) >>/out/ran; sleep 2' '.spec += {completions: 6, parallelism: 2}' | want jobs/kill
    within 15 has_file "$OUT/ran" 1
    kill_davitd
    within 20 has_file "$OUT/ran" 3
    kill_davitd
    within 20 has_file "$OUT/ran" 5
    kill_davitd
    complete kill 60
    owner jobs/kill '.status | .succeeded == 6 and .failed == 0'
    [ "$(sort -u "$OUT/ran" | wc -l)" = 6 ]
    [ "$(wc -l <"$OUT/ran")" = 6 ]
}

@test "a deadline and a suspension end what runs" {
    job late "exec sleep $MARK" '.spec.activeDeadlineSeconds = 2' | want jobs/late
    owner jobs/late "$(condition Failed) | .reason == \"DeadlineExceeded\""
    within 10 none_sleeps "$MARK"
    job hold "exec sleep ${MARK}1" | want jobs/hold
    owner jobs/hold '.status.ready == 1'
    job hold "exec sleep ${MARK}1" '.spec.suspend = true' | want jobs/hold
    owner jobs/hold "$(condition Suspended) | .status == \"True\" and .reason == \"JobSuspended\""
    within 10 none_sleeps "${MARK}1"
    job hold "exec sleep ${MARK}1" | want jobs/hold
    owner jobs/hold '.status.ready == 1'
    bury jobs/hold Job batch/v1
    within 10 none_sleeps "${MARK}1"
}

# perl_image OUT: demo:1 with a perl that knows one thing, as perl:1. (Debian's own fails at bpi(2000).)
perl_image() {
    local image=$OUT/image layer
    mkdir -p "$image" "$OUT/root/bin"
    printf '#!/bin/sh\n[ "$*" = "-Mbignum=bpi -wle print bpi(2000)" ] || exit 2\necho "scale=100; 4*a(1)" | bc -l\n' >"$OUT/root/bin/perl"
    chmod 755 "$OUT/root/bin/perl"
    tar -xf "$DIR/demo.tar" -C "$image"
    layer=$(jq -r '.[0].Layers[0]' "$image/manifest.json")
    tar -C "$OUT/root" -rf "$image/$layer" ./bin/perl
    jq -c --arg id "sha256:$(sha256sum "$image/$layer" | cut -d' ' -f1)" '.rootfs.diff_ids = [$id]' \
        "$image/$(jq -r '.[0].Config' "$image/manifest.json")" >"$image/config.json"
    jq -c '.[0].Config = "config.json" | .[0].RepoTags = ["perl:1"]' "$image/manifest.json" >"$image/new"
    mv "$image/new" "$image/manifest.json"
    tar -C "$image" -cf "$1" .
}

@test "Kubernetes' own example of a Job runs with nothing but the image changed" {
    perl_image "$OUT/perl.tar"
    run -0 node davit image import "$OUT/perl.tar"
    sed 's|image: .*|image: perl:1|' "$BATS_TEST_DIRNAME/kubernetes/job.yaml" >"$OUT/job.yaml"
    run -0 node davit apply -f "$OUT/job.yaml" --wait
    run -0 node davit logs pi-0
    contains 3.14159265358979323846264338327950288419716939937510
}

@test "Kubernetes' own example of a CronJob runs with nothing but the image changed" {
    sed 's|image: .*|image: demo:1|' "$BATS_TEST_DIRNAME/kubernetes/cronjob.yaml" >"$OUT/cron.yaml"
    run -0 node davit apply -f "$OUT/cron.yaml"
    owner cronjobs/hello '.status.nextScheduleTime'
    run -0 node davit get cj
    [[ $output =~ hello\ +"* * * * *"\ +\<none\>\ +False\ +0\ +\<none\> ]] || { echo "$output"; return 1; }
    # The minute that begins next.
    owner cronjobs/hello '.status.lastSuccessfulTime' 75
    local at name
    at=$(said "$T/status/default/cronjobs/hello" | jq -r '.status.lastScheduleTime | fromdate / 60')
    name=hello-$at
    complete "$name"
    run -0 node davit logs "$name-0"
    contains "Hello from the Kubernetes cluster"
    kill_davitd
    within 10 says "$T/presence" .online
    [ "$(grep -ac "Created job $name" "$DIR/record")" = 1 ]
    run -0 node davit delete cj hello --wait
    within 10 silent "$T/status/default/jobs/$name"
    within 10 silent "$T/status/default/pods/$name-0"
}

@test "a CronJob in a zone that is not here is refused, and says why" {
    sed 's|schedule:.*|&\n  timeZone: Mars/Olympus|' "$BATS_TEST_DIRNAME/kubernetes/cronjob.yaml" >"$OUT/cron.yaml"
    run -1 node davit apply -f "$OUT/cron.yaml" --wait=10
    contains UnknownTimeZone
}

@test "an App is one line, and starts after what it names" {
    mosquitto_pub -V 5 -r -q 1 -h 127.0.0.1 -p "$(port)" -t "$T/desired/default/apps/historian" -m \
        "{\"image\":\"demo:1\",\"command\":\"trap 'exit 0' TERM; sleep $MARK & wait\",\"ports\":[\"18086:8086\"],\"volumes\":[\"hist:/var/lib/influxdb2\"],\"memory\":\"64Mi\",\"after\":[\"pods/hmi\"]}"
    state historian-0 '.reason == "WaitingForDependency" and (.message | test("pods/hmi, which is not on this node"))'
    within 5 says "$T/state/default/apps/historian" '.ready == 0 and (.message | test("waits for pods/hmi"))'
    none_sleeps "$MARK"
    put hmi ".spec.containers[0].command = [\"sleep\", \"${MARK}1\"] | .spec.containers[0].readinessProbe =
        {exec: {command: [\"test\", \"-e\", \"/out/ready\"]}, periodSeconds: 1} |
        .spec.volumes = [{name: \"out\", hostPath: {path: \$out}}] | .spec.containers[0].volumeMounts = [{name: \"out\", mountPath: \"/out\"}]"
    state historian-0 '.message | test("pods/hmi, which is not ready")'
    touch "$OUT/ready"
    within 15 one_sleeps "$MARK"
    within 10 says "$T/state/default/apps/historian" '.state == "Running" and .ready == 1'
    owner persistentvolumeclaims/hist '.status.source == "apps/historian"'
    run -0 node davit get apps
    [[ $output =~ historian\ +1/1\ +Running ]] || { echo "$output"; return 1; }
    run -0 node davit get app historian -o yaml
    contains "expansion:"
    contains "kind: Deployment"
    run -0 node davit describe app historian
    contains PersistentVolumeClaim
    # What it waited for goes: it runs on, and after a restart of its own too.
    drop hmi
    kill -9 "$(sleepers "$MARK")"
    within 15 one_sleeps "$MARK"
    run -0 node davit delete app historian --wait
    within 10 none_sleeps "$MARK"
    within 10 silent "$T/status/default/deployments/historian"
    within 10 silent "$T/status/default/persistentvolumeclaims/hist"
    [ -d "$N/state/claims/default/hist" ]
}

@test "an App as a manifest; a word that is none is refused with the one that was meant" {
    printf 'apiVersion: davit/v1\nkind: App\nmetadata:\n  name: sleeper\nspec:\n  image: demo:1\n  command: sleep %s\n  health: "true"\n' \
        "$MARK" >"$OUT/app.yaml"
    run -0 node davit apply -f "$OUT/app.yaml" --wait
    running sleeper-0
    printf '  volume: ["a:/b"]\n' >>"$OUT/app.yaml"
    run -1 node davit apply -f "$OUT/app.yaml" --wait=10
    contains 'Did you mean volumes?'
    running sleeper-0
    run -0 node davit delete app sleeper --wait
}

@test "two Apps that wait for one another say that it is a circle" {
    for one in "a b" "b a"; do
        mosquitto_pub -V 5 -r -q 1 -h 127.0.0.1 -p "$(port)" -t "$T/desired/default/apps/${one% *}" -m \
            "{\"image\":\"demo:1\",\"after\":[\"apps/${one#* }\"]}"
    done
    state a-0 '.message | test("a circle")'
    state b-0 '.message | test("a circle")'
    for one in a b; do
        mosquitto_pub -V 5 -r -q 1 -h 127.0.0.1 -p "$(port)" -t "$T/desired/default/apps/$one" -m '{"deletionTimestamp":"2026-11-24T10:00:00Z"}'
        within 10 silent "$T/status/default/apps/$one"
    done
}
