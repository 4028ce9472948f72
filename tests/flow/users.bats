#!/usr/bin/env bats
# hostUsers: false: root in the pod is nobody outside, and everything that a pod has is its own inside.

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

# A jq program: main runs a shell in a user namespace of its pod.
users_shell() {
    jq -rn --arg text "$1" '".spec.hostUsers = false | .spec.containers[0].command = [\"sh\", \"-c\", \($text | @json)]"'
}

# The host's id of the process that sleeps our number.
owner_of_sleep() {
    # crun answers just before the container's own program takes its place
    within 5 pgrep -xf "sleep $MARK$1" >/dev/null
    stat -c %u "/proc/$(pgrep -xf "sleep $MARK$1")"
}

gone() {
    ! pgrep -xf "sleep $MARK" >/dev/null
}

@test "each pod has 65536 ids of its own, as long as it lives, over restarts of davitd" {
    put one "$(users_shell "exec sleep ${MARK}1")"
    put two "$(users_shell "exec sleep ${MARK}2") | .spec.securityContext = {runAsUser: 1000}"
    running one
    running two
    local first second
    first=$(owner_of_sleep 1)
    second=$(owner_of_sleep 2)
    [ "$first" -ge 65536 ]
    [ $((first % 65536)) = 0 ] # the default begins at 2^31
    [ $((second % 65536)) = 1000 ]
    [ $((first / 65536)) != $((second / 65536)) ]
    "$TOP/scripts/devnode.sh" restart "$N" >/dev/null
    put three "$(users_shell "exec sleep ${MARK}3")"
    running three
    [ "$(owner_of_sleep 1)" = "$first" ]
    [ "$(($(owner_of_sleep 3) / 65536))" != $((first / 65536)) ]
    [ "$(($(owner_of_sleep 3) / 65536))" != $((second / 65536)) ]
    drop one two three
    [ -z "$("$TOP/scripts/devnode.sh" exec "$N" find "$N/run/userns" -name '*.range')" ]
    # and what was given back is given again
    put four "$(users_shell "exec sleep ${MARK}4")"
    running four
    [ "$(owner_of_sleep 4)" -le "$second" ]
    drop four
}

@test "volumes belong inside to whom they belong outside: emptyDir, memory, ConfigMap, Secret, claim, image" {
    jq -nc '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "c"}, data: {k: "conf"}}' | publish "$T/desired/default/configmaps/c"
    jq -nc '{apiVersion: "v1", kind: "Secret", metadata: {name: "s"}, stringData: {k: "secret"}}' | publish "$T/desired/default/secrets/s"
    jq -nc '{apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: {name: "u"}, spec: {accessModes: ["ReadWriteOnce"],
        resources: {requests: {storage: "1Mi"}}}}' | publish "$T/desired/default/persistentvolumeclaims/u"
    local volumes='.spec.volumes = [{name: "e", emptyDir: {}}, {name: "m", emptyDir: {medium: "Memory"}}, {name: "c", configMap: {name: "c"}},
        {name: "s", secret: {secretName: "s", defaultMode: 256}}, {name: "u", persistentVolumeClaim: {claimName: "u"}},
        {name: "i", image: {reference: "demo:1", pullPolicy: "Never"}}] |
        .spec.containers[0].volumeMounts = [.spec.volumes[] | {name, mountPath: "/\(.name)"}]'
    put vol "$(users_shell 'for d in e m u; do mkdir $d/dir; echo x >$d/file; chown 1000:1001 $d/dir; stat -c "$d %u:%g" $d/file $d/dir; done
        stat -Lc "c %u:%g" /c/k; cat /c/k; echo; cat /s/k; echo; stat -c "i %u" /i/bin/busybox; echo y >/root/own; stat -c "own %u" /root/own; exec sleep '"$MARK") | $volumes"
    running vol
    within 5 logged vol '^own 0'
    local d
    for d in e m u; do
        logged vol "^$d 0:0"
        logged vol "^$d 1000:1001"
    done
    logged vol '^c 0:0'
    logged vol '^conf'
    logged vol '^secret'
    logged vol '^i 0'
    # outside: a claim has the ids of inside, for another pod has another range
    [ "$(stat -c %u:%g "$N/state/claims/default/u/file")" = 0:0 ]
    [ "$(stat -c %u:%g "$N/state/claims/default/u/dir")" = 1000:1001 ]
    drop vol
    put again ".spec.volumes = [{name: \"u\", persistentVolumeClaim: {claimName: \"u\"}}] | $(users_shell 'stat -c "%n %u:%g" /u/*; rm /u/file; sleep '"$MARK") |
        .spec.containers[0].volumeMounts = [{name: \"u\", mountPath: \"/u\"}]"
    running again
    within 5 logged again '/u/dir 1000:1001'
    logged again '/u/file 0:0'
    [ ! -e "$N/state/claims/default/u/file" ]
    drop again
}

@test "fsGroup, runAsUser, supplemental groups and /dev/shm are as without it" {
    put grp ".spec.volumes = [{name: \"e\", emptyDir: {}}] | $(users_shell 'id; stat -c "%g %a" /e; echo x >/e/file && stat -c "file %u:%g" /e/file; echo x >/dev/shm/x && echo shm; exec sleep '"$MARK") |
        .spec.containers[0].volumeMounts = [{name: \"e\", mountPath: \"/e\"}] | .spec.securityContext = {runAsUser: 1000, runAsGroup: 3000, fsGroup: 2000, supplementalGroups: [4000]}"
    running grp
    within 5 logged grp '^shm'
    logged grp 'uid=1000 gid=3000 groups=(2000,3000,4000|3000,2000,4000|3000,4000,2000|2000,4000,3000|4000,2000,3000)|uid=1000.*2000'
    logged grp '^2000 2777'
    logged grp '^file 1000:2000'
    drop grp
}

@test "probes, hooks, restarts and shared processes work in it; root may bind port 80, and nothing of the host" {
    put life "$(users_shell 'echo up >/started; (while :; do echo hello | nc -l -p 80; done) & exec sleep '"$MARK") |
        .spec.shareProcessNamespace = true | .spec.terminationGracePeriodSeconds = 5 | .spec.restartPolicy = \"Always\" |
        .spec.containers[0].readinessProbe = {exec: {command: [\"sh\", \"-c\", \"test -e /started && netstat -ltn | grep -q :80 && id -u | grep -qx 0\"]}, periodSeconds: 1} |
        .spec.containers[0].lifecycle = {postStart: {exec: {command: [\"sh\", \"-c\", \"echo \$(id -u) >/proc/1/fd/1 || true; echo post >/post\"]}},
            preStop: {exec: {command: [\"sh\", \"-c\", \"echo bye >/out/bye\"]}}} |
        .spec.volumes = [{name: \"out\", hostPath: {path: \$out}}] | .spec.containers[0].volumeMounts = [{name: \"out\", mountPath: \"/out\"}]"
    running life
    grep -q davit-pause "/proc/$(pgrep -f -- "^davit-pause $N/run")/comm"
    [ "$(sed -n 's/^Uid:\s*\([0-9]*\).*/\1/p' "/proc/$(pgrep -f -- "^davit-pause $N/run")/status")" -ge 65536 ]
    pkill -9 -xf "sleep $MARK"
    status life '.status.containerStatuses[0].restartCount == 1' 10
    running life
    "$TOP/scripts/devnode.sh" restart "$N" >/dev/null
    running life
    status life '.status.containerStatuses[0].restartCount == 1' # davitd went, nobody else
    drop life
    [ "$(cat "$OUT/bye")" = bye ]
    [ "$(stat -c %u "$OUT/bye")" = 0 ]
    within 5 gone
}

@test "root of such a pod is nobody to the host: its files, its kernel, its processes" {
    put weak "$(users_shell 'echo 1 >/proc/sys/kernel/core_pattern || echo no core; mknod /tmp/d b 8 0 || echo no node; mount -t tmpfs x /tmp || echo no mount;
        stat -c "kernel %u" /proc/sys/kernel/core_pattern; stat -c "hosts %u" /etc/hosts; exec sleep '"$MARK")"
    running weak
    within 5 logged weak '^hosts 65534' # what no id of the pod owns
    logged weak '^kernel 65534'
    logged weak '^no core'
    logged weak '^no node'
    logged weak '^no mount'
    drop weak
}

@test "what cannot be mapped is refused with a reason, and so is what Kubernetes forbids" {
    put proc '.spec.hostUsers = false | .spec.volumes = [{name: "v", hostPath: {path: "/proc/sys"}}] |
        .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}]'
    status proc '.status.containerStatuses[0].state.waiting | .reason == "ContainerCreating" and (.message | test("hostUsers: false: the kernel cannot map the ids"))'
    drop proc
    local field
    for field in hostNetwork hostPID hostIPC; do
        put combo ".spec.hostUsers = false | .spec.$field = true"
        status combo '.status.conditions[] | select(.type == "Accepted") | .status == "False" and (.message | test("'"$field"' cannot be true when spec.hostUsers is false|Forbidden|must not use"))'
        drop combo
    done
    put combo '.spec.hostUsers = false | .spec.volumes = [{name: "d", hostPath: {path: "/dev/null"}}] |
        .spec.containers[0].volumeDevices = [{name: "d", devicePath: "/dev/x"}]'
    status combo '.status.conditions[] | select(.type == "Accepted") | .status == "False" and (.message | test("volumeDevices"))'
    drop combo
}

@test "nothing is left: no namespace, no range, no mount" {
    [ -z "$("$TOP/scripts/devnode.sh" exec "$N" find "$N/run/userns" "$N/run/crun/pods" -mindepth 1 ! -name lock)" ]
    [ -z "$("$TOP/scripts/devnode.sh" exec "$N" grep -E "$N/(run/crun/(pods|bundles)|run/userns)/" /proc/self/mountinfo)" ]
}
