# shellcheck shell=bash
# For the tests of virtual machines: a node with a libvirtd of its own, and guests that say on their serial console what
# they see (scripts/vm-image.sh). QEMU has no KVM here, or one that does not work: a guest takes seconds to come up.

# What a guest needs to come up, on a machine that has other things to do.
GUEST_SECONDS=150

vm_start() { # KIND...: the images, beside demo:1
    local kind
    flow_dir
    for kind in tiny "$@"; do
        "$TOP/scripts/vm-image.sh" "$kind" "$DIR/$kind.tar" "$kind:1"
    done
    printf '[telemetry]\ninterval = 5\n' >"$DIR/vm.conf"
    flow_node --with-vm --conf "$DIR/vm.conf"
    # As systemd makes them. QEMU runs as a user of its own.
    chmod 700 "$N/state" "$N/run"
    for kind in tiny "$@"; do
        node davit image import "$DIR/$kind.tar"
    done
    read -r BRIDGE SUBNET <"$N/.net"
    export BRIDGE SUBNET
}

# --- documents

# vm NAME [JQ]: the tiny guest from its disk, on the network of pods, changed by a jq program. $m is the file's mark.
vm() {
    jq -nc --arg name "$1" --arg m "$MARK" --arg out "$OUT" '{apiVersion: "kubevirt.io/v1", kind: "VirtualMachine",
        metadata: {name: $name}, spec: {runStrategy: "Always", template: {spec: {terminationGracePeriodSeconds: 30,
            domain: {memory: {guest: "128Mi"}, devices: {disks: [{name: "root", disk: {bus: "virtio"}}],
                interfaces: [{name: "default", masquerade: {}}]}},
            networks: [{name: "default", pod: {}}],
            volumes: [{name: "root", containerDisk: {image: "tiny:1"}}]}}}}
        | '"${2:-.}"
}

# Jq programs: the guest's user-data is a script; its kernel is given from outside, with arguments; it has other memory
seed() {
    jq -rn --arg text "$1" '".spec.template.spec.volumes += [{name: \"seed\", cloudInitNoCloud: {userData: \($text | @json)}}] |
        .spec.template.spec.domain.devices.disks += [{name: \"seed\", disk: {bus: \"virtio\"}}]"'
}

kernel() {
    jq -rn --arg args "console=ttyS0 quiet no_timer_check $1" '".spec.template.spec.domain.firmware.kernelBoot = {kernelArgs: \($args | @json),
        container: {image: \"tiny:1\", kernelPath: \"/boot/vmlinuz\", initrdPath: \"/boot/initrd\"}}"'
}

memory() {
    echo ".spec.template.spec.domain.memory.guest = \"$1\""
}

strategy() {
    echo ".spec.runStrategy = \"$1\""
}

put_vm() { # NAME [JQ]
    vm "$@" | publish "$T/desired/default/virtualmachines/$1"
}

drop_vm() { # NAME...
    local name
    for name in "$@"; do
        vm "$name" '.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"' | publish "$T/desired/default/virtualmachines/$name"
    done
    for name in "$@"; do
        within 60 silent "$T/state/default/virtualmachines/$name"
    done
}

# --- what is said of it

vm_state() { # NAME JQ [SECONDS]
    within "${3:-$GUEST_SECONDS}" says "$T/state/default/virtualmachines/$1" "$2"
}

vm_status() { # NAME JQ [SECONDS]
    within "${3:-$GUEST_SECONDS}" says "$T/status/default/virtualmachines/$1" "$2"
}

vm_said() { # NAME JQ: a word of its status
    said "$T/status/default/virtualmachines/$1" | jq -r "$2"
}

vm_running() { # NAME [SECONDS]
    vm_state "$1" '.state == "Running"' "${2:-$GUEST_SECONDS}"
}

vm_address() { # NAME
    vm_said "$1" '.status.interfaces[0].ipAddress'
}

# --- what it says itself

# What came out of a serial port, without the prompt of the guest's shell.
plain_text() {
    tr -d '\r' | sed 's,^/ # \x1b\[6n,,'
}

# All that came out of its serial port, in the lives that have a log.
serial() { # NAME
    cat "$N"/state/logs/default_"$1"_*/compute/*.log 2>/dev/null | plain_text
}

serial_has() { # NAME REGEX
    serial "$1" | grep -qE -- "$2"
}

guest_says() { # NAME REGEX [SECONDS]
    within "${3:-$GUEST_SECONDS}" serial_has "$1" "$2" || { serial "$1" | tail -n 20; return 1; }
}

# guest_says_next NAME REGEX CMD...: CMD makes it say that once more, in this life or in the next: the log of one that is over
# goes when the next one runs.
guest_says_next() {
    local before name=$1 regex=$2
    shift 2
    before=$(said_counts "$name" "$regex")
    "$@"
    within "$GUEST_SECONDS" said_more "$name" "$regex" "$before" || { serial "$name" | tail -n 20; return 1; }
}

# A line of each of its logs: how often it says that, and its path
said_counts() { # NAME REGEX
    local log
    for log in "$N"/state/logs/default_"$1"_*/compute/*.log; do
        [ ! -e "$log" ] || echo "$(plain_text <"$log" | grep -acE -- "$2") $log"
    done
}

said_more() { # NAME REGEX COUNTS
    said_counts "$1" "$2" | awk -v before="$3" 'BEGIN { n = split(before, old, "\n"); for (i = 1; i <= n; i++) { split(old[i], one, " "); was[one[2]] = one[1] } }
        $1 > was[$2] + 0 { more = 1 } END { exit !more }'
}

# --- processes

# Its QEMU: the domain is named after its uid.
qemu_of() { # NAME
    pgrep -f "guest=davit-$(vm_said "$1" .metadata.uid | tr -d - | cut -c1-12)[,-]" || true
}

one_qemu() { # NAME
    [[ $(qemu_of "$1") =~ ^[0-9]+$ ]]
}

no_qemu() { # UID
    ! pgrep -f "guest=davit-$(tr -d - <<<"$1" | cut -c1-12)[,-]" >/dev/null
}

libvirtd_pid() {
    cat "$N/libvirtd.pid"
}

virsh_here() {
    "$TOP/scripts/devnode.sh" exec "$N" virsh -q -c qemu:///system "$@"
}
