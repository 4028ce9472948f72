#!/usr/bin/env bats
# What a container is confined by when its document says nothing: looked at from inside, for the profiles restricted and
# baseline (Kubernetes' own defaults).

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    printf '[security]\nprofile = restricted\n' >"$DIR/restricted.conf"
    flow_node --conf "$DIR/restricted.conf"
    pod restricted '.spec.containers[0].securityContext = {runAsUser: 1000}' | publish "$T/desired/default/pods/restricted"
    running restricted
    inside restricted >"$DIR/restricted"
    "$TOP/scripts/devnode.sh" up "$DIR/b" --name b
    (
        . "$DIR/b/env"
        davit image import "$DIR/demo.tar"
        pod baseline >"$DIR/baseline.json"
        davit apply -f "$DIR/baseline.json" --wait
    )
    N=$DIR/b inside baseline >"$DIR/baseline"
}

teardown_file() {
    "$TOP/scripts/devnode.sh" down "$DIR/b" || true
    flow_end
}

setup() {
    flow_test
}

# All that is looked at, by one command in the container; "key value" a line.
LOOK='cat /proc/1/status; cat /proc/1/limits | grep -i "core file"; while read -r _ _ _ _ at rest; do echo "mount $at $rest"; done </proc/1/mountinfo;
for m in /proc/kcore /proc/keys /proc/timer_list /proc/acpi /proc/scsi /proc/interrupts /sys/firmware /sys/devices/virtual/powercap; do
    if [ -d $m ]; then echo "masked $m $(ls -A $m | wc -l)"; elif [ -e $m ]; then echo "masked $m $(head -c 9 $m 2>/dev/null | wc -c)"; fi; done;
for d in / /tmp /run /etc /proc/sys/kernel /sys /dev/shm; do (echo x >$d/davit-look) 2>/dev/null && echo "writes $d" || echo "cannot $d"; done;
ls /dev | tr "\n" " " | sed "s/^/dev /"; echo; ls -l /proc/1/ns | sed -n "s/.* \([a-z]*\) -> /ns \1 /p"; cat /proc/1/cgroup | sed "s/^/cgroup /"'

inside() { # NAME
    local uid id
    uid=$(davit_uid "$1")
    id=${uid//-/}
    id=${id:0:12}-main-0
    "$TOP/scripts/devnode.sh" exec "$N" crun --root "$N/run/crun/crun" --cgroup-manager=cgroupfs exec "$id" sh -c "$LOOK"
    "$TOP/scripts/devnode.sh" exec "$N" sh -c "cat /sys/fs/cgroup/pids/davit/$uid/main-0/pids.max /sys/fs/cgroup/davit/$uid/main-0/pids.max 2>/dev/null" | sed 's/^/pids /'
    "$TOP/scripts/devnode.sh" exec "$N" sh -c "cat /sys/fs/cgroup/devices/davit/$uid/main-0/devices.list 2>/dev/null" | sed 's/^/devices /'
}

davit_uid() {
    (
        . "$N/env"
        davit get pod "$1" -o json
    ) | jq -r '(.items // [.])[0].metadata.uid'
}

has() { # FILE REGEX
    grep -qE -- "$2" "$DIR/$1" || { echo "not there: $2"; cat "$DIR/$1"; return 1; }
}

hasnt() {
    run ! grep -E -- "$2" "$DIR/$1"
}

@test "restricted: no capability at all, no new privileges, seccomp, and not root" {
    local set
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do
        has restricted "^$set:\s+0000000000000000"
    done
    has restricted '^NoNewPrivs:\s+1'
    has restricted '^Seccomp:\s+2'
    has restricted '^Uid:\s+1000'
    put asks '.spec.containers[0].securityContext = {runAsUser: 0}'
    status asks '.status.conditions[] | select(.type == "Accepted") | .reason == "Forbidden"'
    drop asks
    put says '.'
    status says '.status.containerStatuses[0].state.waiting | .reason == "CreateContainerConfigError" and (.message | test("will run as root"))'
    drop says
}

@test "restricted: the root is read-only, /tmp and /run are in memory, 256 processes" {
    has restricted '^mount / ro'
    has restricted '^mount /tmp rw,nosuid,nodev.* - tmpfs'
    has restricted '^mount /run rw,nosuid,nodev.* - tmpfs'
    has restricted '^writes /tmp'
    has restricted '^cannot /$'
    has restricted '^cannot /etc$'
    has restricted '^pids 256'
}

@test "restricted: masked is what Docker and Podman mask together" {
    local path
    while read -r path; do
        ! grep -q "^masked $path " "$DIR/restricted" || has restricted "^masked $path 0"
    done < <(printf '%s\n' /proc/kcore /proc/keys /proc/timer_list /proc/acpi /proc/scsi /proc/interrupts /sys/firmware /sys/devices/virtual/powercap)
    has restricted '^masked /proc/interrupts 0'
    has restricted '^cannot /proc/sys/kernel'
    has restricted '^cannot /sys'
    has restricted '^mount /proc/sys ro'
}

@test "both: devices are denied but for the harmless ones, namespaces are the pod's own, nothing propagates" {
    local profile kind
    for profile in restricted baseline; do
        [ "$(sed -n 's/^dev //p' "$DIR/$profile" | tr ' ' '\n' | grep -vxE 'core|fd|full|mqueue|null|ptmx|pts|random|shm|stderr|stdin|stdout|termination-log|tty|urandom|zero|console|' | wc -l)" = 0 ]
        ! grep -q '^devices' "$DIR/$profile" || hasnt "$profile" '^devices ([ab] .*|c \*:\*) [rwm]*[rw]'
        for kind in mnt pid ipc net uts; do
            [ "$(sed -n "s/^ns $kind //p" "$DIR/$profile")" != "$(readlink /proc/self/ns/$kind)" ]
        done
        hasnt "$profile" '^mount .* (shared|master):'
        has "$profile" '^mount /sys ro'
        has "$profile" '^mount /proc/sys ro'
    done
}

@test "baseline: Kubernetes' default capabilities, a writable root, seccomp, the default masks" {
    has baseline '^CapEff:\s+00000000a80425fb' # containerd's
    has baseline '^CapInh:\s+0000000000000000'
    has baseline '^NoNewPrivs:\s+0'
    has baseline '^Seccomp:\s+2'
    has baseline '^Uid:\s+0'
    has baseline '^mount / rw'
    has baseline '^writes /$'
    has baseline '^cannot /sys$'
    hasnt baseline '^pids 256'
    ! grep -q '^masked /proc/keys' "$DIR/baseline" || has baseline '^masked /proc/keys 0'
}

@test "procMount, seLinuxOptions: Unmasked is not for these profiles; what is not honoured is listed" {
    put proc '.spec.containers[0].securityContext = {runAsUser: 1, procMount: "Unmasked"}'
    status proc '.status.conditions[] | select(.type == "Accepted") | .reason == "Forbidden" and (.message | test("procMount Unmasked"))'
    drop proc
    put selinux '.spec.securityContext = {runAsUser: 1, seLinuxOptions: {level: "s0"}}'
    status selinux '.status.conditions[] | select(.type == "IgnoredFields") | .message | test("spec.securityContext.seLinuxOptions")'
    drop selinux
}
