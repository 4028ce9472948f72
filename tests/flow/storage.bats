#!/usr/bin/env bats
# What pods use, what they may have on the disk, and the folders of claims.

bats_require_minimum_version 1.5.0
load davitd

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

# claim NAME SIZE [JQ]
claim() {
    jq -nc --arg name "$1" --arg size "$2" '{apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: {name: $name},
        spec: {accessModes: ["ReadWriteOnce"], resources: {requests: {storage: $size}}}} | '"${3:-.}" |
        publish "$T/desired/default/persistentvolumeclaims/$1"
}

claim_says() { # NAME JQ
    within 10 says "$T/status/default/persistentvolumeclaims/$1" "$2"
}

# user NAME CLAIM [COMMAND] [JQ]: a pod with the claim at /data
user() {
    put "$1" ".spec.volumes = [{name: \"d\", persistentVolumeClaim: {claimName: \"$2\"}}] |
        .spec.containers[0].volumeMounts = [{name: \"d\", mountPath: \"/data\"}] |
        .spec.containers[0].command = [\"sh\", \"-c\", $(jq -n --arg c "${3:-exec sleep 1000}" '$c')] | ${4:-.}"
}

folder() { # CLAIM
    echo "$N/state/claims/default/$1"
}

trash_is_empty() {
    [ -z "$(find "$N/state/claims" -path '*trash*' -type f -print -quit)" ]
}

event_has() { # OBJECT REGEX
    grep -aF "$T/events " "$DIR/record" | cut -d' ' -f2- |
        jq -r --arg name "$1" 'select(.involvedObject.name == $name) | "\(.reason) \(.message)"' | grep -qE -- "$2"
}

# column NUMBER ROW: a cell of $output, and what is between two times two spaces is a cell
column() {
    awk -v row="$2" -v column="$1" -F '   +' '$1 == row { print $column }' <<<"$output"
}

# --- top

big_is_written() {
    [ "$(stat -c %s "$N"/state/crun/upper/*-idle-0/upper/big 2>/dev/null)" = 5000000 ]
}

@test "top: kubectl's columns; a rate from two samples, and from the last one when it is new" {
    put busy '.spec.containers = [
        {name: "spin", image: "demo:1", command: ["sh", "-c", "while :; do :; done"], resources: {limits: {cpu: "200m"}}},
        {name: "idle", image: "demo:1", command: ["sh", "-c", "head -c 5000000 /dev/zero >/big; exec sleep 1000"]}]'
    running busy
    within 10 big_is_written
    run -0 --separate-stderr node davit top
    [[ ${lines[0]} =~ ^NAME\ +CPU\(cores\)\ +MEMORY\(bytes\)$ ]]
    [[ $(column 2 busy) =~ ^[0-9]+m$ ]]
    [ "$(column 2 busy | tr -d m)" -ge 100 ]
    [ "$(column 2 busy | tr -d m)" -le 320 ]
    [[ $(column 3 busy) =~ ^[0-9]+Mi$ ]]
    run -0 --separate-stderr node davit top pods --containers --sort-by cpu
    [[ ${lines[0]} =~ ^POD\ +NAME\ +CPU\(cores\)\ +MEMORY\(bytes\)$ ]]
    [[ ${lines[1]} == busy*spin* ]]
    [[ ${lines[2]} == busy*idle* ]]
    run -0 --separate-stderr node davit top pod busy -o wide
    [[ ${lines[0]} == *"PIDS   NET(rx/tx)   IO(read/write)   DISK(bytes)" ]]
    [ "$(column 4 busy)" -ge 2 ]
    [[ $(column 5 busy) =~ ^[0-9]+Mi/[0-9]+Mi$ ]]
    [ "$(column 7 busy)" = 4Mi ] # 5000000 bytes
    run -0 --separate-stderr node davit top pods -o json -A
    echo "$output"
    jq -e '.items[] | select(.name == "busy") | .namespace == "default" and .memory_bytes > 0 and .pids >= 2 and
        .network_rx_bytes >= 0 and (.containers | length) == 2 and .io_write_bytes >= 0 and
        ([.containers[] | select(.name == "spin") | .cpu_throttled_periods][0] > 0)' <<<"$output"
}

@test "top: the node, and what is not there" {
    run -0 --separate-stderr node davit top node -o wide
    [[ ${lines[0]} == "NAME   CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)   DISK(bytes)   DISK(%)" ]]
    [[ ${lines[1]} =~ ^n\ +[0-9]+m\ +[0-9]+%\ +[0-9]+Mi\ +[0-9]+%\ +[0-9]+Mi\ +[0-9]+%$ ]]
    run -4 node davit top pod no-such
    contains 'pods "no-such" not found'
    run -0 node davit top pods -n elsewhere
    contains 'No pods run in namespace "elsewhere".'
    run -2 node davit top deployments
    run -2 node davit top pods --sort-by name
}

@test "the node's capacity has its disk, and what may be had is all of it but some memory" {
    within 10 says "$T/status" '.status.capacity["ephemeral-storage"] | test("^[1-9][0-9]*Ki$")'
    says "$T/status" '(.status.allocatable | del(.memory)) == (.status.capacity | del(.memory)) and .status.capacity.pods == "10000"'
    says "$T/status" '(.status.capacity.memory | rtrimstr("Ki") | tonumber) as $all |
        (.status.allocatable.memory | rtrimstr("Ki") | tonumber) as $most | $most < $all and $most > $all / 2'
}

# --- eviction

@test "an emptyDir over its sizeLimit has its pod evicted, with its grace; what it wrote goes, its log stays" {
    put fat '.spec.terminationGracePeriodSeconds = 10 | .spec.volumes = [{name: "x", emptyDir: {sizeLimit: "1Mi"}}] |
        .spec.containers[0].volumeMounts = [{name: "x", mountPath: "/data"}] | .spec.containers[0].command = ["sh", "-c",
        "trap \"echo bye; exit 3\" TERM; head -c 2000000 /dev/zero >/data/f; while :; do sleep 0.05; done"]'
    put lean '.spec.volumes = [{name: "x", emptyDir: {sizeLimit: "1Mi"}}] |
        .spec.containers[0].volumeMounts = [{name: "x", mountPath: "/data"}] |
        .spec.containers[0].command = ["sh", "-c", "head -c 900000 /dev/zero >/data/f; exec sleep 1000"]'
    status fat '.status.phase == "Failed" and .status.reason == "Evicted" and
        .status.message == "Usage of EmptyDir volume \"x\" exceeds the limit \"1Mi\". " and
        .status.containerStatuses[0].state.terminated.exitCode == 3' 40
    event_has fat '^Evicted Usage of EmptyDir volume "x" exceeds the limit "1Mi"\. $'
    local uid
    uid=$(said "$T/status/default/pods/fat" | jq -r .metadata.uid)
    within 10 test ! -e "$N/state/crun/pods/$uid/volumes"
    run -0 node davit logs fat
    contains bye
    state lean '.state == "Running"'
    drop fat lean
    [ ! -e "$N/state/crun/pods/$uid" ]
}

@test "a container over its ephemeral-storage is evicted, and a Deployment has another one made" {
    jq -nc '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "web"}, spec: {selector: {matchLabels: {a: "b"}},
        template: {metadata: {labels: {a: "b"}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: "main",
        image: "demo:1", command: ["sh", "-c", "sleep 2; head -c 3000000 /dev/zero >/f; exec sleep 1000"],
        resources: {limits: {"ephemeral-storage": "2Mi"}}}]}}}}' | publish "$T/desired/default/deployments/web"
    running web-0
    local uid
    uid=$(said "$T/status/default/pods/web-0" | jq -r .metadata.uid)
    within 40 event_has web-0 '^Evicted Pod ephemeral local storage usage exceeds the total limit of containers 2Mi\. $'
    within 20 says "$T/status/default/pods/web-0" ".metadata.uid != \"$uid\" and .status.phase == \"Running\""
    jq -nc '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "web", deletionTimestamp: "2026-01-01T00:00:00Z"}}' |
        publish "$T/desired/default/deployments/web"
    within 20 silent "$T/state/default/pods/web-0"
}

# --- claims

@test "get pvc: kubectl's columns; a claim grows, and does not shrink" {
    claim hist 10Mi
    claim_says hist '.status.phase == "Bound"'
    run -0 node davit get pvc
    [[ ${lines[0]} =~ ^NAME\ +STATUS\ +VOLUME\ +CAPACITY\ +ACCESS\ MODES\ +USED\ +AGE$ ]]
    [[ ${lines[1]} =~ ^hist\ +Bound\ +claims/default/hist\ +10Mi\ +RWO\ +-\ +[0-9]+s$ ]]
    claim hist 20Mi
    claim_says hist '.status.capacity.storage == "20Mi"'
    claim hist 15Mi '.spec.storageClassName = "fast"'
    claim_says hist '(.status.conditions[] | select(.type == "Accepted")).message | test("field can not be less than status.capacity")'
    claim hist 20Mi '.spec.storageClassName = "fast"'
    claim_says hist '(.status.conditions[] | select(.type == "IgnoredFields")).fields == ["spec.storageClassName"]'
    run -4 node davit get pvc no-such
}

@test "a claim keeps its data over its own end; it is used read-only, and by one pod alone, where that is said" {
    claim keep 10Mi
    user k1 keep 'echo one >/data/f; exec sleep 1000'
    running k1
    within 5 test -s "$(folder keep)/f"
    drop k1
    run -0 node davit delete pvc keep --node n
    [ -s "$(folder keep)/f" ]
    claim keep 10Mi '.spec.accessModes = ["ReadWriteOncePod"] | .metadata.annotations.again = "yes"'
    user k2 keep 'cat /data/f; echo two >/data/g; exec sleep 1000' '.spec.volumes[0].persistentVolumeClaim.readOnly = true'
    running k2
    within 5 logged k2 'Read-only file system'
    run -0 node davit logs k2
    contains one
    contains 'Read-only file system'
    user k3 keep
    status k3 '.status.containerStatuses[0].state.waiting.reason == "ContainerCreating"'
    within 5 event_has k3 '^FailedMount .*volume uses the ReadWriteOncePod access mode and is already in use by another pod'
    drop k2
    running k3 30
    drop k3
}

@test "a purge waits for who uses the claim, then removes its data, and follows no link out of it" {
    mkdir -p "$OUT/outside"
    echo safe >"$OUT/outside/f"
    claim gone 10Mi
    user g1 gone "mkdir -p /data/a/b; echo x >/data/a/b/f; ln -s '$OUT/outside' /data/a/out; ln -s / /data/root; exec sleep 1000"
    running g1
    within 5 test -L "$(folder gone)/root"
    run -5 node davit delete pvc gone --node n --purge --wait=1
    claim_says gone '(.status.conditions[] | select(.type == "Terminating")).message == "used by g1; what is in it goes when they do"'
    run -0 node davit get pvc gone
    contains Terminating
    [ -s "$(folder gone)/a/b/f" ]
    kill -9 "$(davitd_pid)" # and it is known by the next one
    devnode_do davitd_start
    running g1 20
    [ -s "$(folder gone)/a/b/f" ]
    user g2 gone
    within 10 event_has g2 'persistentvolumeclaim "gone" is being deleted'
    drop g2
    drop g1
    within 10 silent "$T/status/default/persistentvolumeclaims/gone"
    [ ! -e "$(folder gone)" ]
    [ -z "$(find "$N/state/claims/.trash" -mindepth 3 2>/dev/null)" ]
    [ "$(cat "$OUT/outside/f")" = safe ]
    [ -d /etc ]
}

@test "reclaim-policy Delete: the data goes with the claim" {
    claim del 10Mi '.metadata.annotations["davit/reclaim-policy"] = "Delete"'
    user d1 del 'echo x >/data/f; exec sleep 1000'
    running d1
    within 5 test -s "$(folder del)/f"
    drop d1
    run -0 node davit delete pvc del --node n
    within 5 test ! -e "$(folder del)"
    run -2 node davit delete pod d1 --node n --purge
}

@test "killed in the middle of a purge, davitd does the rest at its next start" {
    local i
    claim big 10Mi
    user b1 big
    running b1
    drop b1
    for i in {1..60}; do
        mkdir -p "$(folder big)/$i"
        (cd "$(folder big)/$i" && seq 1 400 | xargs touch)
    done
    run -0 node davit delete pvc big --node n --purge --wait=false
    within 10 test ! -e "$(folder big)"
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    within 20 trash_is_empty
    within 10 silent "$T/status/default/persistentvolumeclaims/big"
    [ ! -e "$(folder big)" ]
}

@test "a claim that the disk cannot hold waits, and says so" {
    claim huge 900Ti
    user h1 huge
    status h1 '.status.containerStatuses[0].state.waiting.reason == "InsufficientDisk" and
        (.status.containerStatuses[0].state.waiting.message | test("it asks for [0-9]+ bytes, and [0-9]+ are free"))'
    [ ! -e "$(folder huge)" ]
    drop h1
}

@test "what is in a claim is counted, and more than it asks for is a condition, and stops nobody" {
    claim full 1Mi
    user f1 full 'head -c 3000000 /dev/zero >/data/f; exec sleep 1000'
    running f1
    within 5 test -s "$(folder full)/f"
    within 80 says "$T/status/default/persistentvolumeclaims/full" '.status.used == "2936Ki" or .status.used == "2934Ki"'
    claim_says full '(.status.conditions[] | select(.type == "OverCapacity")).reason == "UsageOverRequest"'
    event_has full '^ClaimOverCapacity '
    running f1
    run -0 node davit get pvc full
    contains 2936Ki || contains 2934Ki
    drop f1
}

# --- hostPath, OOM

@test "hostPath: each type, there and not there, in Kubernetes' words" {
    local type word
    mkdir -p "$OUT/dir"
    touch "$OUT/file"
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$OUT/sock"
    for type in Directory:dir File:file Socket:sock DirectoryOrCreate:newdir FileOrCreate:newfile CharDevice:/dev/null; do
        word=${type#*:}
        [[ $word = /* ]] || word=$OUT/$word
        put "ok-$(tr '[:upper:]' '[:lower:]' <<<"${type%%:*}")" ".spec.volumes = [{name: \"h\", hostPath: {path: \"$word\", type: \"${type%%:*}\"}}] |
            .spec.containers[0].volumeMounts = [{name: \"h\", mountPath: \"/h\"}]"
    done
    for type in Directory:file:'a directory' File:dir:'a file' Socket:file:'a socket file' CharDevice:file:'a character device' \
        BlockDevice:file:'a block device' DirectoryOrCreate:file:'a directory' FileOrCreate:dir:'a file' Directory:no-such:'a directory'; do
        IFS=: read -r type word text <<<"$type"
        name=bad-$(tr '[:upper:]' '[:lower:]' <<<"$type")-$word
        put "$name" ".spec.volumes = [{name: \"h\", hostPath: {path: \"$OUT/$word\", type: \"$type\"}}] |
            .spec.containers[0].volumeMounts = [{name: \"h\", mountPath: \"/h\"}]"
        within 10 event_has "$name" "^FailedMount .*MountVolume.SetUp failed for volume \"h\" : hostPath type check failed: $OUT/$word is not $text\$"
        status "$name" '.status.containerStatuses[0].state.waiting.reason == "ContainerCreating"'
    done
    for word in directory file socket directoryorcreate fileorcreate chardevice; do
        running "ok-$word"
    done
    [ -d "$OUT/newdir" ]
    [ -f "$OUT/newfile" ]
    [ ! -e "$OUT/no-such" ]
}

@test "out of memory: the container ends with 137 and OOMKilled also when a child of it was killed" {
    put oom '.spec.restartPolicy = "Never" | .spec.containers[0].command = ["sh", "-c", "tail /dev/zero; exit $?"] |
        .spec.containers[0].resources = {limits: {memory: "16Mi"}}'
    status oom '.status.containerStatuses[0].state.terminated | .reason == "OOMKilled" and .exitCode == 137' 30
    within 5 event_has oom '^OOMKilling Memory cgroup out of memory: killed container main$'
}
