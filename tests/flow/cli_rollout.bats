#!/usr/bin/env bats
# davit rollout, with a real davitd and broker: an update is waited for, held, and taken back.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    flow_node --runtime fake
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
    NAME=web$BATS_TEST_NUMBER
}

teardown() {
    [ -z "${LIAR:-}" ] || kill -- "-$LIAR" 2>/dev/null || true
}

davit() {
    node "$STAGE/usr/bin/davit" "$@" # by its path: this function has its name
}

deployment() { # ARG [JQ]: a Deployment of two whose pods sleep; ARG tells its documents apart
    jq -nc --arg name "$NAME" --arg arg "$1" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: $name},
        spec: {replicas: 2, selector: {matchLabels: {app: $name}}, template: {metadata: {labels: {app: $name}},
        spec: {terminationGracePeriodSeconds: 0, containers: [{name: "main", image: "demo:1", command: ["sleep", $arg]}]}}}}
        | '"${2:-.}"
}

apply() {
    deployment "$@" | davit apply -f -
}

@test "rollout status waits until all pods are the newest ones" {
    apply 1001
    run -0 davit rollout status "deploy/$NAME" --wait=20
    [ "${lines[-1]}" = "deployment \"$NAME\" successfully rolled out" ]
    apply 1002
    run -0 davit rollout status deployment "$NAME" --wait=20
    [ "${lines[-1]}" = "deployment \"$NAME\" successfully rolled out" ]
    [ "$(held "$T/status/default/deployments/$NAME" | jq .status.updatedReplicas)" -eq 2 ]
}

@test "what gets no further is waited for so long, or until its deadline" {
    apply 1001 '.spec.template.metadata.annotations = {"davit/after": "pods/none"} | .spec.progressDeadlineSeconds = 600'
    run -5 --separate-stderr davit rollout status "deploy/$NAME" --wait=2
    [[ "$output" == *"0 of 2 updated replicas are available..."* || "$output" == *"new replicas have been updated..."* ]]
    [[ "$stderr" == *"not rolled out within 2 s"* ]]
    run -5 davit rollout status "deploy/$NAME" --timeout 1s
    run -0 davit rollout status "deploy/$NAME" --wait=false
    apply 1001 '.spec.template.metadata.annotations = {"davit/after": "pods/none"} | .spec.progressDeadlineSeconds = 1'
    run -1 davit rollout status "deploy/$NAME" --wait=20
    contains "exceeded its progress deadline"
    contains "davit describe deployment"
    run -4 davit rollout status deploy/nothing
    contains 'deployments "nothing" not found'
    run -2 davit rollout status pod/nothing
    contains "rollout status is for these: deployments"
}

@test "a paused Deployment updates nothing until it is resumed" {
    apply 1001
    davit rollout status "deploy/$NAME" --wait=20
    run -0 davit rollout pause "deploy/$NAME"
    [ "$output" = "deployment/$NAME paused" ]
    run -0 davit rollout pause "deploy/$NAME"
    [ "$output" = "deployment/$NAME is already paused" ]
    [ "$(held "$T/desired/default/deployments/$NAME" | jq .spec.paused)" = true ]
    apply 1002 '.spec.paused = true'
    run -5 davit rollout status "deploy/$NAME" --wait=1
    contains "it is paused..."
    run -0 davit rollout resume "deploy/$NAME"
    run -0 davit rollout status "deploy/$NAME" --wait=20
    contains "successfully rolled out"
    run -2 davit rollout pause ds/x
}

@test "many nodes are paused after a question, and one that has it not holds up no other" {
    apply 1001
    davit rollout status "deploy/$NAME" --wait=20
    mosquitto_pub -V 5 -p "$(port)" -q 1 -r -t davit/nodes/a2/presence -m '{"v":1,"online":true,"ts":1}'
    run -2 davit rollout pause "deploy/$NAME" --nodes n --nodes a2 </dev/null
    contains "needs --yes"
    run -1 davit rollout pause "deploy/$NAME" --nodes n --nodes a2 --yes
    contains "deployment/$NAME paused on 1 of 2 nodes"
    contains "a2"
    [ "$(held "$T/desired/default/deployments/$NAME" | jq .spec.paused)" = true ]
    mosquitto_pub -V 5 -p "$(port)" -q 1 -r -n -t davit/nodes/a2/presence
}

@test "what comes from elsewhere is changed there" {
    deployment 1001 | davit apply -f - --group all
    within 20 says "$T/state/default/deployments/$NAME" '.state == "Running"'
    run -0 davit rollout status "deploy/$NAME" --wait=20
    run -1 davit rollout pause "deploy/$NAME"
    contains "deployment \"$NAME\" on n comes from all: change it there"
    run -0 davit rollout pause "deploy/$NAME" --group all
    within 10 says "$T/status/default/deployments/$NAME" '.status.conditions[] | select(.reason == "DeploymentPaused")'
}

@test "rollout restart is restart" {
    apply 1001
    davit rollout status "deploy/$NAME" --wait=20
    before=$(held "$T/status/default/pods/$NAME-0" | jq -r '.metadata.uid // .status.containerStatuses[0].containerID')
    run -0 davit rollout restart "deploy/$NAME"
    [ "$output" = "deployment/$NAME restarted" ]
    within 20 changed "$before"
    run -0 davit rollout restart deploy "$NAME"
    [ "$output" = "deployment/$NAME restarted" ]
}

changed() {
    [ "$(held "$T/status/default/pods/$NAME-0" | jq -r '.metadata.uid // .status.containerStatuses[0].containerID')" != "$1" ] ||
        [ "$(held "$T/state/default/pods/$NAME-0" | jq .restarts)" -gt 0 ]
}

@test "restart on many nodes: asked first, one summary, and those that are away are said" {
    apply 1001
    davit rollout status "deploy/$NAME" --wait=20
    run -0 --separate-stderr davit restart "deploy/$NAME" --nodes 'n*'
    [ "$stderr" = "restarted on 1 node" ]
    mosquitto_pub -V 5 -p "$(port)" -q 1 -r -t davit/nodes/n2/presence -m '{"v":1,"online":false,"ts":1}'
    run -2 davit restart "deploy/$NAME" --nodes 'n*' </dev/null
    contains "to restart deploy/$NAME on 2 nodes needs --yes"
    run --separate-stderr davit restart "deploy/$NAME" --nodes 'n*' --yes
    [ "$status" -ne 0 ]
    [[ "$stderr" == *"restarted on 1 of 2 nodes"*"n2"* ]]
    mosquitto_pub -V 5 -p "$(port)" -q 1 -r -n -t davit/nodes/n2/presence
}

@test "history tells what was accepted, and undo publishes the one before under a new generation" {
    apply 1001
    davit rollout status "deploy/$NAME" --wait=20
    run -4 davit rollout undo "deploy/$NAME"
    contains "there is nothing to go back to"
    apply 1002
    davit rollout status "deploy/$NAME" --wait=20
    generation=$(held "$T/desired/default/deployments/$NAME" | jq -r '.metadata.annotations["davit/generation"]')
    run -0 davit rollout history "deploy/$NAME"
    [ "${lines[0]}" = "deployment/$NAME" ]
    [[ "${lines[1]}" =~ ^REVISION\ +AGE\ +SOURCE\ +IMAGES$ && "${#lines[@]}" -eq 4 ]]
    run -0 davit rollout history "deploy/$NAME" --revision 1 -o json
    [ "$(jq -r '.spec.template.spec.containers[0].command[1]' <<<"$output")" = 1001 ]
    run -0 davit rollout undo "deploy/$NAME" --wait=20
    [ "${lines[0]}" = "deployment/$NAME rolled back to revision 1" ]
    [ "${lines[-1]}" = "deployment \"$NAME\" successfully rolled out" ]
    held "$T/desired/default/deployments/$NAME" >"$OUT/now"
    [ "$(jq -r '.spec.template.spec.containers[0].command[1]' "$OUT/now")" = 1001 ]
    [ "$(jq -r '.metadata.annotations["davit/generation"]' "$OUT/now")" -gt "$generation" ]
    run -4 davit rollout undo "deploy/$NAME" --to-revision 77
    contains "has no revision 77"
    run -2 davit rollout history "deploy/$NAME" --revision x
}

@test "undo takes a group's document back for all of it, and each node of many to its own" {
    run -0 davit set groups n line-3
    within 5 holds "$T/status" '.status.groups | index("line-3")'
    deployment 1001 | davit apply -f - --group line-3 --wait=20
    deployment 1002 | davit apply -f - --group line-3 --wait=20
    run -1 davit rollout undo "deploy/$NAME" --node n
    contains "comes from group/line-3"
    run -0 davit rollout undo "deploy/$NAME" --group line-3
    [ "$output" = "deployment/$NAME rolled back to revision 1 in group line-3" ]
    held "davit/groups/line-3/desired/default/deployments/$NAME" >"$OUT/now"
    [ "$(jq -r '.spec.template.spec.containers[0].command[1]' "$OUT/now")" = 1001 ]
    run -0 davit rollout status "deploy/$NAME" --wait=20
    run -4 davit rollout undo deploy/nothing --group line-3
    contains 'of 1 nodes of group line-3 that are online none has deployment "nothing" from it'
    NAME=every
    deployment 1001 | davit apply -f - --group all --wait=20
    deployment 1002 | davit apply -f - --group all --wait=20
    run -0 davit rollout undo deploy/every --group all
    [ "$output" = "deployment/every rolled back to revision 1 in group all" ]
    run -0 davit rollout undo deploy/every --group all --wait=20
    contains "deployment/every rolled back to revision 2 in group all"
    contains "deployment/every: done"
    run -2 davit rollout history deploy/every --group all
    contains "which one node?"
    NAME=own
    apply 1001
    apply 1002
    mosquitto_pub -p "$(port)" -r -t davit/nodes/away/presence -m '{"v":1,"online":false,"ts":1}'
    run -1 davit rollout undo deploy/own --nodes 'n*' --nodes 'a*' --yes
    contains "deployment/own rolled back to revision 1 on n"
    contains "deployment/own rolled back on 1 of 2 nodes"
    contains "away"
    [ "$(held "$T/desired/default/deployments/own" | jq -r '.spec.template.spec.containers[0].command[1]')" = 1001 ]
}

# A node of group line-4 that has the certificate, and says that everything was DOCUMENT before.
liar() { # DOCUMENT
    local list='[{"revision":1,"generation":1,"acceptedMs":1,"source":"group/line-4"},{"revision":2,"generation":2,"acceptedMs":2,"source":"group/line-4"}]'
    mosquitto_pub -p "$(port)" -r -t davit/nodes/liar/status -m '{"kind":"Node","metadata":{"name":"liar"},"status":{"groups":["line-4"]}}'
    mosquitto_pub -p "$(port)" -r -t davit/nodes/liar/presence -m '{"v":1,"online":true,"ts":1}'
    jq -nc --argjson document "$1" --argjson list "$list" '{ok: true} | [. + {revisions: $list}, . + {document: $document}]' >"$OUT/answers"
    # shellcheck disable=SC2016 # for the inner shell
    setsid bash -c 'stdbuf -oL mosquitto_sub -V 5 -p "$0" -q 1 -t "davit/nodes/liar/request/revisions/+" -F "%t %p" |
        while read -r topic request; do
            id=$(jq -r .id <<<"$request")
            jq -c --argjson request "$request" ".[if \$request.revision then 1 else 0 end] + {id: \$request.id}" "$1" |
                mosquitto_pub -V 5 -p "$0" -q 1 -t "davit/nodes/liar/response/${topic##*/}/$id" -s
        done' "$(port)" "$OUT/answers" </dev/null >/dev/null 2>&1 3>&- &
    LIAR=$!
    within 10 liar_answers
}

liar_answers() {
    mosquitto_rr -V 5 -p "$(port)" -q 1 -W 1 -t davit/nodes/liar/request/revisions/probe -e davit/nodes/liar/response/probe/0 \
        -m '{"id":0}' | grep -q .
}

@test "what a group was before is not what one of its nodes says" {
    run -0 davit set groups n line-4
    within 5 holds "$T/status" '.status.groups | index("line-4")'
    deployment 1001 | davit apply -f - --group line-4 --wait=20
    deployment 1002 | davit apply -f - --group line-4 --wait=20
    liar "$(deployment 6666)"
    run -1 davit rollout undo "deploy/$NAME" --group line-4 --yes
    contains "the nodes of group line-4 do not agree what deployment \"$NAME\" was before"
    contains "davit rollout history deployment/$NAME --node "
    # Nobody else can say it: a person is asked.
    deployment 1 '.metadata.name = "other"' | davit apply -f - --group line-4
    run -2 davit rollout undo deploy/other --group line-4 </dev/null
    contains "what node liar alone says that deployment/other was"
    [[ "$(held "davit/groups/line-4/desired/default/deployments/$NAME")" == *1002* ]]
    [[ "$(held davit/groups/line-4/desired/default/deployments/other)" != *6666* ]]
    kill -- "-$LIAR"
    mosquitto_pub -p "$(port)" -r -n -t davit/nodes/liar/presence
    mosquitto_pub -p "$(port)" -r -n -t davit/nodes/liar/status
    # The truth by itself is taken.
    run -0 davit rollout undo "deploy/$NAME" --group line-4
    [[ "$(held "davit/groups/line-4/desired/default/deployments/$NAME")" == *1001* ]]
}
