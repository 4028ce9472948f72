#!/usr/bin/env bats
# Pods as Kubernetes means them: one manifest a test, run for real, its status held against what Kubernetes reports.

bats_require_minimum_version 1.5.0
load davitd
load manifests

setup_file() {
    flow_dir
    flow_node
    manifests_apply
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

@test "manifest: apparmor-missing" {
    manifest apparmor-missing
}

@test "manifest: capabilities" {
    manifest capabilities
}

@test "manifest: claim" {
    manifest claim
}

@test "manifest: command-and-args" {
    manifest command-and-args
}

@test "manifest: command-missing-again" {
    manifest command-missing-again
}

@test "manifest: command-missing" {
    manifest command-missing
}

@test "manifest: configmap-volume" {
    manifest configmap-volume
}

@test "manifest: container-order" {
    manifest container-order
}

@test "manifest: crash-loop" {
    manifest crash-loop
}

@test "manifest: deadline" {
    manifest deadline
}

@test "manifest: device-missing" {
    manifest device-missing
}

@test "manifest: dns-merged" {
    manifest dns-merged
}

@test "manifest: dns-none" {
    manifest dns-none
}

@test "manifest: downward-env" {
    manifest downward-env
}

@test "manifest: downward-files" {
    manifest downward-files
}

@test "manifest: emptydir-memory" {
    manifest emptydir-memory
}

@test "manifest: env-expansion" {
    manifest env-expansion
}

@test "manifest: env-from-configmap" {
    manifest env-from-configmap
}

@test "manifest: env-from-secret" {
    manifest env-from-secret
}

@test "manifest: env-missing-configmap" {
    manifest env-missing-configmap
}

@test "manifest: env-missing-key" {
    manifest env-missing-key
}

@test "manifest: exit-by-signal" {
    manifest exit-by-signal
}

@test "manifest: exit-codes" {
    manifest exit-codes
}

@test "manifest: exported" {
    manifest exported
}

@test "manifest: files-are-read-only" {
    manifest files-are-read-only
}

@test "manifest: fs-group" {
    manifest fs-group
}

@test "manifest: host-network-files" {
    manifest host-network-files
}

@test "manifest: host-port" {
    manifest host-port
}

@test "manifest: hostname-and-aliases" {
    manifest hostname-and-aliases
}

@test "manifest: images-that-never-come" {
    manifest images-that-never-come
}

@test "manifest: image-volume" {
    manifest image-volume
}

@test "manifest: image-volume-missing" {
    manifest image-volume-missing
}

@test "manifest: init-fails-again" {
    manifest init-fails-again
}

@test "manifest: init-fails-never" {
    manifest init-fails-never
}

@test "manifest: init-order" {
    manifest init-order
}

@test "manifest: init-waits" {
    manifest init-waits
}

@test "manifest: liveness-exec" {
    manifest liveness-exec
}

@test "manifest: liveness-never" {
    manifest liveness-never
}

@test "manifest: multi-container" {
    manifest multi-container
}

@test "manifest: names" {
    manifest names
}

@test "manifest: no-escalation" {
    manifest no-escalation
}

@test "manifest: node-labels" {
    manifest node-labels
}

@test "manifest: node-selector" {
    manifest node-selector
}

@test "manifest: on-failure" {
    manifest on-failure
}

@test "manifest: oom-killed" {
    manifest oom-killed
}

@test "manifest: own-users" {
    manifest own-users
}

@test "manifest: plain" {
    manifest plain
}

@test "manifest: post-start-fails" {
    manifest post-start-fails
}

@test "manifest: post-start-http" {
    manifest post-start-http
}

@test "manifest: post-start" {
    manifest post-start
}

@test "manifest: pre-stop-too-long" {
    manifest pre-stop-too-long
}

@test "manifest: pre-stop" {
    manifest pre-stop
}

@test "manifest: privileged-refused" {
    manifest privileged-refused
}

@test "manifest: probe-grpc-refused" {
    manifest probe-grpc-refused
}

@test "manifest: probe-http-fails" {
    manifest probe-http-fails
}

@test "manifest: probe-http" {
    manifest probe-http
}

@test "manifest: probe-redirects" {
    manifest probe-redirects
}

@test "manifest: probe-tcp-refused" {
    manifest probe-tcp-refused
}

@test "manifest: probe-tcp" {
    manifest probe-tcp
}

@test "manifest: projected-later-wins" {
    manifest projected-later-wins
}

@test "manifest: projected-volume" {
    manifest projected-volume
}

@test "manifest: read-only-root" {
    manifest read-only-root
}

@test "manifest: readiness-exec" {
    manifest readiness-exec
}

@test "manifest: readiness-thrice" {
    manifest readiness-thrice
}

@test "manifest: refused-as-by-the-api" {
    manifest refused-as-by-the-api
}

@test "manifest: resize" {
    manifest resize
}

@test "manifest: resources-guaranteed" {
    manifest resources-guaranteed
}

@test "manifest: restart-rules" {
    manifest restart-rules
}

@test "manifest: run-as-non-root" {
    manifest run-as-non-root
}

@test "manifest: run-as-user" {
    manifest run-as-user
}

@test "manifest: secret-volume" {
    manifest secret-volume
}

@test "manifest: sidecar-crashes" {
    manifest sidecar-crashes
}

@test "manifest: shared-ipc" {
    manifest shared-ipc
}

@test "manifest: shared-processes" {
    manifest shared-processes
}

@test "manifest: shm-emptydir" {
    manifest shm-emptydir
}

@test "manifest: sidecar-job" {
    manifest sidecar-job
}

@test "manifest: sidecar-runs" {
    manifest sidecar-runs
}

@test "manifest: startup-fails" {
    manifest startup-fails
}

@test "manifest: startup-gates" {
    manifest startup-gates
}

@test "manifest: stdin-open" {
    manifest stdin-open
}

@test "manifest: stop-signal" {
    manifest stop-signal
}

@test "manifest: subpath-escapes" {
    manifest subpath-escapes
}

@test "manifest: subpath-not-root" {
    manifest subpath-not-root
}

@test "manifest: subpath" {
    manifest subpath
}

@test "manifest: sysctl" {
    manifest sysctl
}

@test "manifest: termination-from-half-a-line" {
    manifest termination-from-half-a-line
}

@test "manifest: termination-from-log" {
    manifest termination-from-log
}

@test "manifest: termination-message-cut" {
    manifest termination-message-cut
}

@test "manifest: termination-message" {
    manifest termination-message
}

@test "manifest: tty" {
    manifest tty
}

@test "manifest: volume-device" {
    manifest volume-device
}

@test "manifest: volume-missing-configmap" {
    manifest volume-missing-configmap
}

@test "manifest: working-dir-made" {
    manifest working-dir-made
}

@test "every manifest has its test" {
    local file
    for file in "$BATS_TEST_DIRNAME"/manifests/*.yaml; do
        grep -qx "    manifest $(basename "$file" .yaml)" "$BATS_TEST_FILENAME"
    done
}

@test "nothing is left of all these pods: no mount, namespace, address, cgroup or file" {
    manifests_delete
    node "$TOP/scripts/devnode.sh" exec "$N" sh -c "! grep -E ' - (overlay|tmpfs|nsfs) .*|$N/run' /proc/self/mountinfo |
        grep -E '$N/(run/crun/(bundles|pods)|run/netns)/'"
    [ -z "$(find "$N/run/crun/bundles" "$N/run/crun/netns" "$N/run/crun/exits" "$N/run/crun/pods" "$N/run/netns" \
        "$N/run/netns.state" "$N/state/crun/upper" "$N/state/crun/pods" -mindepth 1 2>/dev/null)" ]
    local bridge rest
    read -r bridge rest <"$N/.net"
    [ -z "$(ip -4 route show root "$rest" | grep "dev dv")" ]
    ! nft list map inet "$bridge" ports4 | grep -q elements
}
