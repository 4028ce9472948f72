# shellcheck shell=bash
# What the files pods_kill*.bats share, beside davitd.bash: a pod with everything that takes time, and what must be left of it.
# uids, in the file's folder, gets the uids of all pods.

# whole NAME NUMBER: a pod with everything that takes time. Its port on the host is below those of devnode's brokers and of the
# registries: whoever publishes a port takes it from those who listen there.
whole() {
    pod "$1" ".spec = {terminationGracePeriodSeconds: 3, volumes: [{name: \"out\", hostPath: {path: \$out}},
            {name: \"m\", emptyDir: {medium: \"Memory\"}}, {name: \"c\", downwardAPI: {items: [{path: \"n\", fieldRef: {fieldPath: \"metadata.name\"}}]}}],
        initContainers: [
            {name: \"init\", image: \"demo:1\", command: [\"sh\", \"-c\", \"sleep 0.05; echo i >>/out/$1.init\"], volumeMounts: [{name: \"out\", mountPath: \"/out\"}]},
            {name: \"side\", image: \"demo:1\", restartPolicy: \"Always\", command: [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep $2 & wait\"]}],
        containers: [{name: \"main\", image: \"demo:1\", command: [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep ${2}1 & wait\"],
            ports: [{containerPort: 80, hostPort: (6000 + (\"$2\" | tonumber) % 5000)}],
            volumeMounts: [{name: \"out\", mountPath: \"/out\"}, {name: \"m\", mountPath: \"/m\"}, {name: \"c\", mountPath: \"/c\"},
                {name: \"m\", mountPath: \"/sub\", subPath: \"x\"}],
            readinessProbe: {exec: {command: [\"true\"]}, periodSeconds: 1}, livenessProbe: {exec: {command: [\"true\"]}, periodSeconds: 1},
            lifecycle: {postStart: {exec: {command: [\"sh\", \"-c\", \"sleep 0.05; echo p >>/out/$1.post\"]}},
                preStop: {exec: {command: [\"sh\", \"-c\", \"sleep 0.05; echo s >>/out/$1.stop\"]}}}}]}"
}

kill_process() { # davitd, or one of its children, which may be on its way up again
    local pid
    if [ "$1" = davitd ]; then
        kill -9 "$(davitd_pid)" 2>/dev/null || true
        devnode_do davitd_start
    elif pid=$(child "$1"); then
        kill -9 "$pid" 2>/dev/null || true
    fi
}

is_whole() { # NAME NUMBER
    holds "$T/state/default/pods/$1" '.state == "Running" and .ready == 1' && one_sleeps "$2" && one_sleeps "${2}1"
}

has_ended() { # NAME CODE
    holds "$T/status/default/pods/$1" ".status.containerStatuses[0].state.terminated.exitCode == $2"
}

uid_of() {
    held "$T/status/default/pods/$1" | jq -r .metadata.uid
}

nothing_is_left() {
    local uid bridge rest
    # shellcheck disable=SC2034 # the rest of the line
    read -r bridge rest <"$N/.net"
    [ -z "$(find "$N/run/crun/bundles" "$N/run/crun/netns" "$N/run/crun/exits" "$N/run/crun/pods" "$N/run/netns" \
        "$N/run/netns.state" "$N/state/crun/upper" "$N/state/crun/pods" -mindepth 1 2>/dev/null)" ] &&
        ! ip -o link show type veth | grep -q ': dv' &&
        ! nft list map inet "$bridge" ports4 2>/dev/null | grep -q elements &&
        ! pgrep -f "$N/run/crun/bundles" >/dev/null || return 1
    ! "$TOP/scripts/devnode.sh" exec "$N" grep -E "$N/(run/crun/(bundles|pods)|run/netns)/" /proc/self/mountinfo || return 1
    while read -r uid; do
        [ -z "$("$TOP/scripts/devnode.sh" exec "$N" sh -c "ls -d /sys/fs/cgroup/*/davit/$uid /sys/fs/cgroup/davit/$uid 2>/dev/null")" ] || return 1
    done <"$DIR/uids"
}
