#!/usr/bin/env bats
# Virtual machines for real: libvirtd, QEMU without KVM, a Debian kernel. What a guest's own serial port says is the evidence.

bats_require_minimum_version 1.5.0
load davitd
load network
load vm

setup_file() {
    vm_start
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

libvirt_is_loaded() {
    grep -ls 'libvirt' /proc/[0-9]*/maps | cut -d/ -f3 | while read -r pid; do
        [ "$(readlink "/proc/$pid/ns/mnt")" != "$(readlink "/proc/$(davitd_pid)/ns/mnt")" ] || readlink "/proc/$pid/exe"
    done | grep davit
}

@test "where no virtual machine is wanted, nothing of libvirt is loaded" {
    put plain
    running plain
    run ! libvirt_is_loaded
    drop plain
}

@test "a virtual machine is published and Running, and says so itself" {
    put_vm hmi "$(seed "#!/bin/sh
echo \"mark $MARK of \$(hostname)\"")"
    vm_running hmi
    guest_says hmi '^BOOTS 1$'
    guest_says hmi '^SEED hmi$'
    guest_says hmi '^READY$'
    guest_says hmi "^mark $MARK of hmi$"
    vm_status hmi '.status.printableStatus == "Running" and .status.ready and .status.phase == "Running" and .status.created'
    guest_says hmi "^ADDRESS eth0 $(vm_address hmi)$"
    one_qemu hmi
    libvirt_is_loaded
    run -0 node davit get vms
    contains hmi
    contains Running
}

@test "its status names its address, its MAC and what is emulated" {
    vm_status hmi '.status.interfaces[0] | .name == "default" and (.ipAddress | test("^10\\.")) and (.mac | test("^([0-9a-f]{2}:){5}[0-9a-f]{2}$"))'
    [ -e /dev/kvm ] || vm_status hmi '.status.conditions[] | select(.type == "Emulated") | .status == "True"'
    vm_state hmi '.state == "Running" and .ready == 1 and .restarts == 0 and (.address | test("^10\\."))'
}

@test "davit logs has what its serial port said, describe and top know it" {
    run -0 node davit logs vm/hmi
    contains "SEED hmi"
    run -0 node davit describe vm hmi
    contains "Run Strategy:"
    run -0 node davit get vms -o wide
    contains tiny:1
    run -0 node davit top vm hmi
    contains hmi
}

@test "its metrics are told, and Prometheus' text has them" {
    within 20 holds "$T/metrics/default/virtualmachines/hmi" '.memory_bytes > 1e6 and .cpu_cores >= 0 and .uptime_seconds > 0 and
        (to_entries | all(.value | type == "number"))'
    within 10 holds "$T/metrics" '.vms == 1'
    run -0 node davit export
    contains 'davit_workload_memory_bytes{node="n",namespace="default",resource="virtualmachines",name="hmi"}'
}

@test "a pod and a virtual machine reach each other by address and by name" {
    local pod_address
    web pod pod
    running pod 30
    pod_address=$(address_of pod)
    within 20 inside pod curl -s --max-time 2 "http://$(vm_address hmi)/"
    [ "$(inside pod curl -s --max-time 5 "http://$(vm_address hmi)/")" = hmi ]
    within 10 resolves pod hmi "$(vm_address hmi)"
    # Debian's busybox has a wget that crashes.
    put_vm asker "$(seed "#!/bin/sh
echo by address \$(printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 $pod_address 8080 | tail -n 1)
echo by name \$(ping -c 1 -W 5 pod | grep -o '([0-9.]*)' | head -n 1)")"
    guest_says asker '^by address pod$'
    guest_says asker "^by name \\($pod_address\\)$"
    drop_vm asker
    drop pod
}

@test "a listed port is forwarded from the host" {
    # Its page has its name, which it reads from its seed.
    put_vm door "$(seed '#!/bin/sh
:') | .spec.template.spec.domain.devices.interfaces[0].ports = [{port: 80, hostPort: 18088}]"
    guest_says door '^ADDRESS'
    door() { [ "$(get http://127.0.0.1:18088/)" = door ]; }
    within 20 door
    drop_vm door
    run ! door
}

@test "stop presses the power button, start brings it up again with its disk" {
    local uid
    uid=$(vm_said hmi .metadata.uid)
    guest_says_next hmi '^POWER$' node davit stop vm/hmi
    vm_state hmi '.state == "Stopped" and .stateCode == 8 and .ready == 0'
    vm_status hmi '.status.printableStatus == "Stopped" and (.status.created | not)'
    no_qemu "$uid"
    node davit start vm/hmi
    guest_says hmi '^BOOTS 2$'
    vm_running hmi
}

@test "a guest that hears nothing is stopped by --force" {
    put_vm deaf "$(kernel tiny.button=no)"
    guest_says deaf '^READY$'
    guest_says_next deaf '^POWER$' node davit stop vm/deaf
    one_qemu deaf
    node davit stop vm/deaf --force
    vm_state deaf '.state == "Stopped"' 20
    drop_vm deaf
}

# undisturbed CMD...: the guest's QEMU is the same before and after, the node says that it runs, and nothing was restarted
undisturbed() {
    local before
    before=$(qemu_of hmi)
    [ -n "$before" ]
    "$@"
    within 60 says "$T/presence" '.online'
    # What it would do wrongly, it would do now.
    sleep 3
    vm_state hmi '.state == "Running" and .ready == 1 and .restarts == 0' 60
    [ "$(qemu_of hmi)" = "$before" ]
}

kill_libvirtd() {
    kill -9 "$(libvirtd_pid)"
    devnode_do libvirtd_start
}

kill_runtimes() {
    pkill -9 -P "$(davitd_pid)" -x davit-runtime
}

kill_davitd() {
    kill -9 "$(davitd_pid)"
    devnode_do davitd_stop
    devnode_do davitd_start
}

@test "davitd killed: the same QEMU goes on" {
    undisturbed kill_davitd
}

@test "davit-runtime killed: the same QEMU goes on" {
    undisturbed kill_runtimes
}

@test "libvirtd killed and started: the same QEMU goes on, and its console is read on" {
    undisturbed kill_libvirtd
}

@test "davit-net killed: the same QEMU goes on, and answers at its address" {
    kill_net() { pkill -9 -P "$(davitd_pid)" -x davit-net; }
    undisturbed kill_net
    [ "$(get "http://$(vm_address hmi)/")" = hmi ]
}

trouble() { # JQ: what the machine's status says of libvirtd, in the words of its conditions and of its container
    vm_status hmi "[.status | .. | .reason? // empty] | index(\"LibvirtUnavailable\") | . $1 null" 30
}

@test "a libvirtd that hangs is told within 30 s, containers do not notice, and it heals" {
    local before
    before=$(qemu_of hmi)
    put calm
    running calm
    kill -STOP "$(libvirtd_pid)"
    put more
    running more
    trouble '!='
    one_sleeps || [ "$(sleepers | wc -w)" = 2 ]
    kill -CONT "$(libvirtd_pid)"
    trouble '=='
    vm_running hmi 30
    [ "$(qemu_of hmi)" = "$before" ]
    drop calm more
}

# Those who come and say nothing: libvirtd takes so many of them, and then nobody any more.
fill_socket() {
    nsenter --mount="/proc/$(libvirtd_pid)/ns/mnt" python3 -c '
import socket, time
held = []
for _ in range(60):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(1)
    try:
        one.connect("/run/libvirt/libvirt-sock")
    except OSError:
        break
    held.append(one)
print(len(held), flush=True)
time.sleep(120)' >"$OUT/held" 2>&1 3>&- &
    FILLER=$!
    within 20 test -s "$OUT/held"
}

@test "a libvirtd whose socket is full is told, containers do not notice, and it heals" {
    local before
    before=$(qemu_of hmi)
    put quiet
    running quiet
    fill_socket
    [ "$(cat "$OUT/held")" -ge 20 ]
    kill_runtimes
    vm_status hmi '[.status | .. | .message? // empty | select(test("no room for one more connection"))] | length > 0' 30
    put beside
    running beside
    [ "$(qemu_of hmi)" = "$before" ]
    kill "$FILLER"
    wait "$FILLER" || true
    trouble '=='
    vm_running hmi 60
    [ "$(qemu_of hmi)" = "$before" ]
    drop quiet beside
}

@test "without libvirtd a wanted machine waits and says why, and comes with it" {
    kill -9 "$(libvirtd_pid)"
    trouble '!='
    put_vm late
    vm_status late '[.status | .. | .reason? // empty] | index("LibvirtUnavailable") != null' 30
    devnode_do libvirtd_start
    vm_running late 120
    trouble '=='
    drop_vm late
}

@test "a guest's reboot is no restart" {
    local before
    put_vm again "$(seed '#!/bin/sh
[ $BOOTS -gt 1 ] || { sync; reboot -f; }')"
    guest_says again '^BOOTS 2$'
    before=$(qemu_of again)
    vm_status again '.status.reboots == 1 and .status.restarts == 0'
    [ "$(qemu_of again)" = "$before" ]
    drop_vm again
}

# Its life is over after a second, by what its kernel was told.
short() { # VERB STRATEGY
    echo "$(kernel "tiny.task=$1,1") | $(strategy "$2")"
}

@test "a guest that switches itself off has Completed: Once stays so, Always comes again" {
    put_vm once "$(short poweroff Once)"
    put_vm always "$(short poweroff Always)"
    vm_status once '.status.phase == "Succeeded" and (.status.containerStatuses[0].state.terminated | .exitCode == 0 and .reason == "Completed")'
    vm_status always '.status.restarts >= 1'
    guest_says_next always '^READY$' true
    [ "$(serial once | grep -c '^READY$')" = 1 ]
    drop_vm once always
}

@test "a guest that panics has Crashed: RerunOnFailure brings it up again, Manual does not" {
    put_vm rerun "$(short crash RerunOnFailure)"
    put_vm manual "$(short crash Once)"
    vm_status rerun '.status.restarts >= 1 and (.status.containerStatuses[0].lastState.terminated | .exitCode == 1 and .reason == "Crashed")'
    vm_status manual '.status.phase == "Failed" and .status.containerStatuses[0].state.terminated.reason == "Crashed"'
    drop_vm rerun manual
}

@test "a QEMU that is killed has Crashed too, and comes again" {
    put_vm killed
    guest_says killed '^READY$'
    kill -9 "$(qemu_of killed)"
    vm_status killed '.status.restarts == 1 and .status.containerStatuses[0].lastState.terminated.exitCode == 1'
    guest_says killed '^BOOTS 2$'
    drop_vm killed
}

@test "what does not fit into the machine's memory waits, and starts when it fits" {
    put_vm huge "$(memory 4Ti)"
    vm_status huge '[.status | .. | .reason? // empty] | index("InsufficientMemory") != null' 30
    put_vm huge "$(memory 128Mi)"
    vm_running huge
    drop_vm huge
}

@test "at the machine's shutdown its power button is pressed" {
    put_vm last "$(strategy Once)"
    guest_says last '^READY$'
    # No cgroup of anybody's containers is seen there.
    "$TOP/scripts/devnode.sh" exec "$N" unshare -m sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec "$1"' - \
        "$STAGE/usr/libexec/davit/davit-end-workloads"
    guest_says last '^POWER$' 5
    vm_status last '.status.phase == "Succeeded"'
    drop_vm last
    put_vm hmi
    vm_running hmi
}

@test "runStrategy Halted is stopped, and Manual waits for start" {
    put_vm manual "$(strategy Manual)"
    vm_state manual '.state == "Stopped"' 30
    node davit start vm/manual
    vm_running manual
    put_vm manual "$(strategy Halted)"
    vm_state manual '.state == "Stopped"'
    drop_vm manual
}

@test "a bare VirtualMachineInstance runs too" {
    vm bare '.kind = "VirtualMachineInstance" | .spec = .spec.template.spec' |
        publish "$T/desired/default/virtualmachineinstances/bare"
    within "$GUEST_SECONDS" says "$T/state/default/virtualmachineinstances/bare" '.state == "Running"'
    guest_says bare '^READY$'
    vm bare '.kind = "VirtualMachineInstance" | .metadata.deletionTimestamp = "2026-01-01T00:00:00Z"' |
        publish "$T/desired/default/virtualmachineinstances/bare"
    within 60 silent "$T/state/default/virtualmachineinstances/bare"
}

@test "a virtual machine that is deleted leaves nothing" {
    local uid
    uid=$(vm_said hmi .metadata.uid)
    drop_vm hmi
    no_qemu "$uid"
    [ -z "$(find "$N/run/libvirt/vms" "$N/state/libvirt/disks" -mindepth 1 2>/dev/null)" ]
    [ -z "$(virsh_here list --all --name)" ]
    ! ip -o link show type tun | grep -q ': dv'
}
