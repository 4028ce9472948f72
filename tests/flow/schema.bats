#!/usr/bin/env bats
# docs/schema against what is said: all that a busy node and `davit` publish validates by its topic, and the schemas and
# davitd agree about which documents are good.

bats_require_minimum_version 1.5.0
load davitd
load owners

setup_file() {
    flow_dir
    flow_node
    export RECORD=$DIR/messages
    /usr/bin/python3 "$BATS_TEST_DIRNAME/schema_check.py" record "$(port)" "$RECORD" </dev/null >"$DIR/recorder.log" 2>&1 3>&- &
    echo $! >"$DIR/recorder.pid"
    within 10 grep -qs "nodes/n/presence" "$RECORD"
}

teardown_file() {
    kill "$(cat "$DIR/recorder.pid")" || true
    flow_end
}

setup() {
    flow_test
}

schema() {
    /usr/bin/python3 "$BATS_TEST_DIRNAME/schema_check.py" "$@"
}

# Everything so far validates, and among it were these.
all_valid() { # SCHEMA...
    local word
    run schema judge "$RECORD"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    for word in "$@"; do
        [[ " $output " =~ [\ $'\n']"$word="[1-9] ]] || { echo "nothing of $word was said: $output"; return 1; }
    done
}

request() { # VERB PAYLOAD
    mosquitto_pub -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -t "$T/request/$1/anna" -m "$2"
}

answered() { # ID JQ: by the recorder
    local line
    while read -r line; do
        base64 -d <<<"${line%% *}" | jq -e "$2" >/dev/null 2>&1 && return 0
    done < <(grep -F "$T/response/anna/$1" "$RECORD" | grep -E " $T/response/anna/$1\$")
    return 1
}

@test "pods: applied, refused, updated, crashing, out of memory, without an image, deleted" {
    put a "$(shell 'exec sleep $0') | .spec.containers[0].args = [\$m]"
    running a
    put a '.metadata.annotations = {"davit/generation": "9"} | .metadata.labels = {x: "y"}'
    running a
    put a '.metadata.annotations = {"davit/generation": "4"}'
    within 10 says "$T/status/default/pods/a" "$(condition Accepted).reason == \"Stale\""
    put crash '.spec.containers[0].command = ["false"]'
    put hungry '.spec.restartPolicy = "Never" | .spec.containers[0].command = ["sh", "-c", "exec dd if=/dev/zero of=/dev/null bs=200M"]
        | .spec.containers[0].resources = {limits: {memory: "16Mi"}}'
    put missing '.spec.containers[0].image = "127.0.0.1:1/none:1"'
    put odd '.spec.containers[0].inventedField = 1 | .spec.initContainers = [{name: "first", image: "demo:1", command: ["true"]}]'
    echo '{"apiVersion":"v1"' | publish "$T/desired/default/pods/broken"
    state crash '.reason == "CrashLoopBackOff"' 20
    state hungry '.reason == "OOMKilled"' 20
    state missing '.reason == "ErrImagePull" or .reason == "ImagePullBackOff"' 20
    state broken '.state == "Refused"'
    running odd
    status odd "$(condition IgnoredFields).status == \"True\""
    drop crash hungry missing odd
    clear_topic "$T/desired/default/pods/a"
    within 10 says "$T/status/default/pods/a" "$(condition Retained).status == \"False\""
    all_valid presence state status-node object-state status-object event
}

@test "owners, claims, Services, Secrets and Apps" {
    local file
    # As davit publishes them: with a generation, and for this node.
    for file in deployment job cronjob statefulset app; do
        node davit apply --wait=false -f "examples/$file.yaml" || return 1
    done
    jq -nc '{apiVersion: "v1", kind: "Service", metadata: {name: "s"}, spec: {type: "NodePort", selector: {x: "y"}, ports: [{port: 80}]}}' | want services/s
    jq -nc '{apiVersion: "v1", kind: "Secret", metadata: {name: "k"}, stringData: {a: "b"}}' | want secrets/k
    jq -nc '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "k"}, data: {a: "b"}}' | want configmaps/k
    jq -nc '{apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: {name: "c"}, spec: {accessModes: ["ReadWriteOnce"],
        resources: {requests: {storage: "1Mi"}}}}' | want persistentvolumeclaims/c
    jq -nc --arg m "$MARK" '{apiVersion: "apps/v1", kind: "DaemonSet", metadata: {name: "d"}, spec: {selector: {matchLabels: {x: "y"}},
        template: {metadata: {labels: {x: "y"}}, spec: {terminationGracePeriodSeconds: 0,
        containers: [{name: "main", image: "demo:1", command: ["sleep", $m]}]}}}}' | want daemonsets/d
    jq -nc '{apiVersion: "batch/v1", kind: "Job", metadata: {name: "j"}, spec: {template: {spec: {restartPolicy: "Never",
        containers: [{name: "main", image: "demo:1", command: ["true"]}]}}}}' | want jobs/j
    jq -nc '{apiVersion: "batch/v1", kind: "Job", metadata: {name: "bad"}, spec: {backoffLimit: 0, template: {spec: {restartPolicy: "Never",
        containers: [{name: "main", image: "demo:1", command: ["false"]}]}}}}' | want jobs/bad
    jq -nc '{image: "demo:1", command: "exec sleep '"$MARK"'", ports: ["8086"], volumes: ["hist:/data"]}' | want apps/flat
    within 20 says "$T/state/default/daemonsets/d" '.ready == 1'
    within 20 says "$T/state/default/jobs/j" '.state == "Succeeded"'
    within 20 says "$T/state/default/jobs/bad" '.state == "Failed"'
    within 20 says "$T/state/default/apps/flat" '.ready == 1'
    within 20 says "$T/state/default/services/s" '.endpointsReady > 0'
    within 10 says "$T/state/default/persistentvolumeclaims/c" '.capacityBytes == 1048576'
    within 10 says "$T/state/default/secrets/k" '.state == "Stored"'
    bury daemonsets/d DaemonSet apps/v1
    bury apps/flat App davit/v1
    within 20 silent "$T/state/default/apps/flat"
    within 20 silent "$T/state/default/daemonsets/d"
    all_valid object-state status-object event
}

@test "requests of each verb, their errors, and streams" {
    put r "$(shell 'echo one; exec sleep $0') | .spec.containers[0].args = [\$m]"
    running r
    within 5 logged r one
    request ping '{"id":"p"}'
    request ping 'pods/r'
    request describe '{"id":"d","pod":"r"}'
    request describe '{"id":"dn","pod":"nobody"}'
    request logs '{"id":"l","pod":"r","tailLines":1}'
    request top '{"id":"t"}'
    request exec '{"id":"e","pod":"r","command":["sh","-c","echo a; printf \\\\377; exit 3"]}'
    request exec '{"id":"et","pod":"r","command":["sleep","9"],"timeoutSeconds":1}'
    request snapshot '{"id":"s","object":"vm/none","do":"list"}'
    request start '{"id":"st","object":"pods/r"}'
    request stop '{"id":"sp","object":"vm/none"}'
    request rollback '{"id":"rb","object":"vm/none","name":"x"}'
    request dance '{"id":"no"}'
    request ping '{"id":"a/b"}'
    request ping '{"id":"ex","expires":5}'
    request logs '{"id":"ls","pod":"r","stream":true,"follow":true}'
    request exec '{"id":"es","pod":"r","command":["cat"],"stream":true,"stdin":true}'
    request exec '{"id":"es","seq":1,"stdin":"word\n"}'
    request exec '{"id":"es","seq":2,"eof":true}'
    request ping '{"id":"sn","stream":true}'
    within 15 answered p '.ok'
    within 15 answered dn '.reason == "NotFound"'
    within 15 answered d '.status.kind == "Pod"'
    within 15 answered l '.text == "one\n"'
    within 15 answered t '.node.memory_bytes > 0'
    within 15 answered e '.exitCode == 3'
    within 15 answered et '.reason == "Timeout"'
    within 15 answered no '.reason == "Unsupported"'
    within 15 answered ex '.reason == "Expired"'
    within 15 answered es '.last and .ok'
    within 15 answered ls '.text == "one\n"'
    request logs '{"id":"ls","cancel":true}'
    within 15 answered ls '.last'
    request restart '{"id":"re","pod":"r"}'
    within 15 answered re '.ok'
    within 15 answered sn '.reason == "InvalidRequest"'
    within 15 answered st '.ok == false'
    within 15 answered rb '.ok == false'
    all_valid response chunk
}

# What a later Davit adds shows here first: in a message that is closed no word goes that the schema does not have.
@test "an unknown word in any closed message is caught" {
    run -0 schema closed "$RECORD" presence state object-state event response chunk
}

@test "the schemas take every example, whole and as davit publishes it" {
    local file
    for file in examples/*.yaml tests/flow/kubernetes/*.yaml; do
        node davit apply --wait=false --node elsewhere -f "$file" || return 1
    done
    for file in tests/flow/kubevirt/*.yaml; do # of some there are kinds in them that Davit does not know
        node davit apply --wait=false --node elsewhere -f "$file" || true
    done
    within 5 grep -q nodes/elsewhere/desired/default/virtualmachines "$RECORD"
    all_valid desired-object
}

# judged SCHEMA DOCUMENT TOPIC: what davitd says of it, true or false
judged() {
    local topic=$T/desired/default/$3 line
    case $1 in
    desired-object)
        publish "$topic" <<<"$2"
        # An object that was only ever deleted has no status: there is nothing to wait for.
        line=$(jq 'if type == "object" and (.metadata.deletionTimestamp? | type) == "string" then true else empty end' <<<"$2")
        for _ in {1..100}; do
            [ -z "$line" ] || break
            line=$(said "$T/status/default/$3" | jq -c '.status.conditions[]? | select(.type == "Accepted") | .status == "True"')
            sleep 0.02
        done
        jq -nc --arg name "${3#*/}" --arg of "${3%/*}" '{pods: ["Pod", "v1"], deployments: ["Deployment", "apps/v1"], jobs: ["Job", "batch/v1"],
            cronjobs: ["CronJob", "batch/v1"], persistentvolumeclaims: ["PersistentVolumeClaim", "v1"], configmaps: ["ConfigMap", "v1"],
            apps: ["App", "davit/v1"]}[$of] as $kind | {apiVersion: $kind[1], kind: $kind[0],
            metadata: {name: $name, deletionTimestamp: "2026-01-01T00:00:00Z"}}' | publish "$topic"
        clear_topic "$topic"
        echo "$line"
        ;;
    request)
        mosquitto_rr -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -W 10 -t "$T/request/$3/anna" -e "$T/response/anna/judged" -m "$2" | jq .ok
        ;;
    esac
}

@test "davitd and the schemas agree about good and bad documents" {
    local count=0 failed=0 one name wanted document topic said
    run -0 schema table "$BATS_TEST_DIRNAME/schema_table.json"
    while read -r one; do
        name=$(jq -r .schema <<<"$one") wanted=$(jq .ok <<<"$one") document=$(jq -c .document <<<"$one") topic=$(jq -r .topic <<<"$one")
        count=$((count + 1))
        if [ "$name" = desired-object ]; then
            # Each under a name of its own, for what was said of one must not be taken for what is said of the next.
            topic=$topic$count
            document=$(jq -c --arg name "a$count" 'if type == "object" and .metadata.name? == "a" then .metadata.name = $name else . end' <<<"$document")
        fi
        said=$(judged "$name" "$document" "$topic")
        [ "$said" = "$wanted" ] || { echo "wanted $wanted, davitd says ${said:-nothing}: $document"; failed=1; }
    done < <(jq -c '.[] | select(.schema == "desired-object" or .schema == "request")' "$BATS_TEST_DIRNAME/schema_table.json")
    [ $count -gt 40 ]
    [ $failed = 0 ]
}
