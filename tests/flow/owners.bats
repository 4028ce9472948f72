#!/usr/bin/env bats
# Deployments, DaemonSets and StatefulSets: the pods that they mean, their updates and their end.

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

# deployment NAME REPLICAS [JQ]
deployment() {
    jq -nc --arg name "$1" --argjson n "$2" --arg m "$MARK" --arg out "$OUT" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: $name},
        spec: {replicas: $n, selector: {matchLabels: {app: $name}}, template: {metadata: {labels: {app: $name}},
            spec: {terminationGracePeriodSeconds: 0, containers: [{name: "main", image: "demo:1", command: ["sleep", $m]}]}}}} | '"${3:-.}"
}

@test "a Deployment has its replicas, under stable names, and says so as Kubernetes does" {
    deployment web 2 | want deployments/web
    owner deployments/web '.status | .replicas == 2 and .readyReplicas == 2 and .availableReplicas == 2 and .updatedReplicas == 2'
    owner deployments/web "$(condition Available) | .status == \"True\" and .reason == \"MinimumReplicasAvailable\""
    owner deployments/web "$(condition Progressing) | .reason == \"NewReplicaSetAvailable\""
    within 5 says "$T/state/default/deployments/web" '.state == "Running" and .ready == 1 and .containers == 2'
    running web-0
    running web-1
    status web-0 '.status.source == "deployments/web"'
    sleeping 2 "$MARK"
}

@test "scaled down, the last ones go; scaled to nothing, all" {
    deployment web 1 | want deployments/web
    within 10 silent "$T/status/default/pods/web-1"
    running web-0
    owner deployments/web '.status.replicas == 1'
    deployment web 0 | want deployments/web
    within 10 silent "$T/status/default/pods/web-0"
    owner deployments/web '.status.replicas == 0'
}

shows_why() { # as a person sees it
    [[ "$(node "$STAGE/usr/bin/davit" get pod lost-0 --no-headers)" =~ 1/1\ +Running,(ErrImagePull|ImagePullBackOff)\ +0 ]]
}

@test "an update that gets no image says so wherever one looks, and what ran runs" {
    deployment lost 2 | want deployments/lost
    owner deployments/lost '.status.readyReplicas == 2'
    run -0 node "$STAGE/usr/bin/davit" set image deploy/lost main=127.0.0.1:1/none:1
    within 20 shows_why
    owner deployments/lost "$(condition Progressing) | .message | contains(\"127.0.0.1:1/none:1\")"
    owner deployments/lost "$(condition Available) | .status == \"True\""
    owner deployments/lost '.status | .availableReplicas == 2 and .unavailableReplicas == 0 and .updatedReplicas == 0'
    within 5 says "$T/state/default/deployments/lost" '.state == "Running" and .ready == 1 and .available == 2 and .updated == 0'
    run -5 node "$STAGE/usr/bin/davit" rollout status deploy/lost --wait=1
    [[ "$output" == *"0 out of 2 new replicas have been updated... ("*"127.0.0.1:1/none:1"* ]]
    run -0 node "$STAGE/usr/bin/davit" rollout undo deploy/lost --wait=20
    [[ "$(node "$STAGE/usr/bin/davit" get pod lost-0 --no-headers)" =~ 1/1\ +Running\ +0 ]]
    sleeping 2 "$MARK"
    deployment lost 2 '.spec.template.spec.containers[0].image = "127.0.0.1:1/none:1"' >"$OUT/lost.json"
    run -5 node "$STAGE/usr/bin/davit" apply -f "$OUT/lost.json" --wait=3
    [[ "$output" == *"not ready within 3 s: "*"127.0.0.1:1/none:1"* ]]
    sleeping 2 "$MARK"
    deployment lost 0 | want deployments/lost
    within 10 silent "$T/status/default/pods/lost-0"
}

@test "an update goes from one to the next, and stops where it does not become ready" {
    deployment roll 2 | want deployments/roll
    owner deployments/roll '.status.readyReplicas == 2'
    deployment roll 2 ".spec.template.spec.containers[0].command = [\"sleep\", \"${MARK}1\"] |
        .spec.template.spec.containers[0].readinessProbe = {exec: {command: [\"false\"]}, periodSeconds: 1}" | want deployments/roll
    owner deployments/roll '.status | .updatedReplicas == 1 and .readyReplicas == 1'
    sleep 3
    owner deployments/roll '.status | .updatedReplicas == 1 and .readyReplicas == 1'
    sleeping 1 "$MARK"
    deployment roll 2 ".spec.template.spec.containers[0].command = [\"sleep\", \"${MARK}2\"]" | want deployments/roll
    owner deployments/roll '.status | .updatedReplicas == 2 and .readyReplicas == 2'
    sleeping 2 "${MARK}2"
    sleeping 0 "$MARK"
}

@test "kill -9 of davitd in the middle changes nothing in the end" {
    deployment kill 3 | want deployments/kill
    kill_davitd
    owner deployments/kill '.status.readyReplicas == 3' 30
    sleeping 3 "$MARK"
    bury deployments/kill Deployment apps/v1
    within 20 sleeping 0 "$MARK"
    within 10 silent "$T/status/default/deployments/kill"
    within 10 silent "$T/status/default/pods/kill-2"
}

@test "a pod of one is not deleted by mistake, and what a tombstone keeps away is given back" {
    local davit=$STAGE/usr/bin/davit
    deployment mask 1 | want deployments/mask
    owner deployments/mask '.status.readyReplicas == 1'
    run -1 node "$davit" delete pod mask-0
    [[ "$output" == *'pod "mask-0" comes from deployments/mask'*'davit restart mask-0'* ]]
    running mask-0
    bury pods/mask-0 Pod v1
    owner deployments/mask "$(condition Progressing) | .reason == \"Deleted\" and (.message | contains(\"--unmask\"))"
    within 10 sleeping 0 "$MARK"
    kill_davitd
    owner deployments/mask "$(condition Progressing) | .reason == \"Deleted\"" 30
    run -0 node "$davit" prune --yes
    run -0 node "$davit" delete pod mask-0 --unmask
    [ "$output" = 'pod "mask-0" unmasked' ]
    running mask-0
    kill_davitd # and it stays given back
    owner deployments/mask '.status.readyReplicas == 1' 30
    sleeping 1 "$MARK"
    bury deployments/mask Deployment apps/v1
    within 20 sleeping 0 "$MARK"
}

@test "what a node had for itself goes, and its group's rules again" {
    local davit=$STAGE/usr/bin/davit
    node "$davit" set groups n masks
    within 10 says "$T/status" '.status.groups == ["masks"]'
    pod both '.spec.containers[0].command = ["sleep", "'"${MARK}1"'"]' | publish davit/groups/masks/desired/default/pods/both
    within 10 sleeping 1 "${MARK}1"
    put both
    within 10 sleeping 1 "$MARK"
    run -0 node "$davit" delete pod both --unmask
    within 10 sleeping 1 "${MARK}1"
    sleeping 0 "$MARK"
    run -0 node "$davit" delete pod both
    [[ "$output" == *"it stays away from node n until \`davit delete pod both --unmask\`"* ]]
    sleeping 0 "${MARK}1"
    pod both '.spec.containers[0].command = ["sleep", "'"${MARK}1"'"]' | tee "$OUT/both.json"
    run -1 node "$davit" apply -f "$OUT/both.json" --group masks --wait=20
    [[ "$output" == *"it was deleted on this node: \`davit delete pod both --node n --unmask\` gives it back"* ]]
    run -0 node "$davit" delete pod both --unmask
    within 10 sleeping 1 "${MARK}1"
    run -2 node "$davit" delete pod both --group masks --unmask
    run -2 node "$davit" delete pvc both --purge --unmask
    run -0 node "$davit" delete pod both --group masks
    within 10 sleeping 0 "${MARK}1"
    node "$davit" set groups n ""
}

@test "a name that collides is refused with a reason, and the other pod is left alone" {
    put taken-0
    running taken-0
    deployment taken 1 | want deployments/taken
    owner deployments/taken "$(condition Progressing) | .status == \"False\" and .reason == \"NameCollision\""
    running taken-0
    status taken-0 '.status.source == "node"'
    bury deployments/taken Deployment apps/v1
    sleep 1
    running taken-0
    drop taken-0
}

@test "what is wrong is refused with its path" {
    deployment bad 1 '.spec.selector.matchLabels = {app: "other"}' | want deployments/bad
    owner deployments/bad "$(condition Accepted) | .status == \"False\" and .reason == \"InvalidOwner\" and (.message | test(\"does not match template\"))"
    deployment bad 1 'del(.spec.template.spec.containers)' | want deployments/bad
    owner deployments/bad "$(condition Accepted) | .message | test(\"spec.containers: Required value\")"
    deployment bad 1 '.spec.template.spec.restartPolicy = "Never"' | want deployments/bad
    owner deployments/bad "$(condition Accepted) | .message | test(\"restartPolicy must be Always\")"
}

@test "a DaemonSet is one" {
    deployment d 5 '.kind = "DaemonSet" | del(.spec.replicas)' | want daemonsets/d
    owner daemonsets/d '.status | .desiredNumberScheduled == 1 and .numberReady == 1'
    running d-0
    bury daemonsets/d DaemonSet apps/v1
    within 10 silent "$T/status/default/pods/d-0"
}

@test "davit applies and deletes one" {
    deployment cli 2 >"$OUT/d.json"
    run -0 node davit apply -f "$OUT/d.json" --wait
    running cli-0
    running cli-1
    run -0 node davit delete -f "$OUT/d.json" --wait
    within 10 silent "$T/status/default/pods/cli-1"
}

# set NAME REPLICAS [JQ]: a StatefulSet whose pods write down their beginning, and sleep
set_of() {
    jq -nc --arg name "$1" --argjson n "$2" --arg m "$MARK" --arg out "$OUT" '{apiVersion: "apps/v1", kind: "StatefulSet",
        metadata: {name: $name}, spec: {replicas: $n, serviceName: "peers", selector: {matchLabels: {app: $name}},
            template: {metadata: {labels: {app: $name}}, spec: {terminationGracePeriodSeconds: 0, volumes: [{name: "out", hostPath: {path: $out}}],
                containers: [{name: "main", image: "demo:1", volumeMounts: [{name: "out", mountPath: "/out"}, {name: "data", mountPath: "/data"}],
                    command: ["sh", "-c", "echo $(hostname) >>/out/begun; hostname >>/data/was; exec sleep \($m)"]}]}},
            volumeClaimTemplates: [{metadata: {name: "data"}, spec: {accessModes: ["ReadWriteOnce"], resources: {requests: {storage: "1Gi"}}}}]}} | '"${3:-.}"
}

@test "a StatefulSet begins in order, each with a claim of its own" {
    set_of db 3 | want statefulsets/db
    owner statefulsets/db '.status | .replicas == 3 and .readyReplicas == 3 and .currentReplicas == 3 and .updatedReplicas == 3' 30
    within 5 has_file "$OUT/begun" 3
    [ "$(tr '\n' ' ' <"$OUT/begun")" = "db-0 db-1 db-2 " ]
    status db-1 '.status.source == "statefulsets/db"'
    owner persistentvolumeclaims/data-db-2 '.status.source == "statefulsets/db"'
    within 5 grep -qx db-1 "$N/state/claims/default/data-db-1/was"
    sleeping 3 "$MARK"
}

@test "updated from the highest down, scaled down likewise; its claims are kept" {
    : >"$OUT/begun"
    set_of db 3 ".spec.template.spec.containers[0].env = [{name: \"NEW\", value: \"1\"}]" | sed "s/${MARK}/${MARK}1/" | want statefulsets/db
    owner statefulsets/db '.status | .readyReplicas == 3 and .updatedReplicas == 3' 30
    within 5 has_file "$OUT/begun" 3
    [ "$(tr '\n' ' ' <"$OUT/begun")" = "db-2 db-1 db-0 " ]
    set_of db 1 | want statefulsets/db
    within 20 silent "$T/status/default/pods/db-1"
    silent "$T/status/default/pods/db-2"
    owner statefulsets/db '.status.replicas == 1'
    bury statefulsets/db StatefulSet apps/v1
    within 20 silent "$T/status/default/pods/db-0"
    within 10 silent "$T/status/default/statefulsets/db"
    [ -d "$N/state/claims/default/data-db-2" ]
    run -0 node davit get pvc
    contains data-db-2
}

@test "Kubernetes' own examples run with nothing but the image changed: the Deployment, and the StatefulSet" {
    "$TOP/scripts/busybox-image.sh" "$OUT/web.tar" web:1 httpd -f -p 80
    run -0 node davit image import "$OUT/web.tar"
    sed 's|image: .*|image: web:1|' "$BATS_TEST_DIRNAME/kubernetes/deployment.yaml" >"$OUT/deployment.yaml"
    sed 's|image: .*|image: web:1|' "$BATS_TEST_DIRNAME/kubernetes/web.yaml" >"$OUT/web.yaml"
    run -0 node davit apply -f "$OUT/deployment.yaml" --wait
    run -0 node davit get deployments
    [[ $output =~ nginx-deployment\ +3/3\ +3\ +3 ]] || { echo "$output"; return 1; }
    node davit apply -f "$OUT/web.yaml"
    owner statefulsets/web '.status | .availableReplicas == 3 and .updatedReplicas == 3' 90
    run -0 node davit get sts
    [[ $output =~ web\ +3/3 ]] || { echo "$output"; return 1; }
    run -0 node davit describe sts web
    contains readyReplicas
    node davit delete -f "$OUT/deployment.yaml" --wait
    bury statefulsets/web StatefulSet apps/v1
    within 30 silent "$T/status/default/pods/web-0"
}
