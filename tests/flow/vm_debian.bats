#!/usr/bin/env bats
# A Debian from a root disk, with systemd, cloud-init and the guest agent: what KubeVirt's users bring. It takes a minute to
# come up without KVM, so all is asked of one.

bats_require_minimum_version 1.5.0
load davitd
load vm

setup_file() {
    vm_start debian
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
    GUEST_SECONDS=400
}

@test "a Debian reads its NoCloud seed, from a Secret: its name, its files, its commands" {
    jq -nc --arg data "$(cat <<'CLOUD'
#cloud-config
hostname: historian
write_files:
  - {path: /etc/plant, content: "line a\n"}
bootcmd:
  - [sh, -c, 'echo boot >>/root/boots; echo "BOOT $(wc -l </root/boots)" >/dev/ttyS0']
runcmd:
  - [sh, -c, 'echo "SEEDED $(hostname) $(cat /etc/plant)" >/dev/ttyS0']
CLOUD
)" '{apiVersion: "v1", kind: "Secret", metadata: {name: "seed"}, stringData: {userdata: $data}}' | publish "$T/desired/default/secrets/seed"
    vm historian '.spec.template.spec |= (.domain.memory.guest = "512Mi" | .domain.cpu = {cores: 2} |
        .volumes = [{name: "root", containerDisk: {image: "debian:1"}}, {name: "seed", cloudInitNoCloud: {secretRef: {name: "seed"}}}] |
        .domain.devices.disks += [{name: "seed", disk: {bus: "virtio"}}])' | publish "$T/desired/default/virtualmachines/historian"
    vm_running historian
    guest_says historian 'SEEDED historian line a'
}

@test "its agent tells its addresses and its system" {
    vm_status historian '.status.guestOSInfo.prettyName | test("Debian GNU/Linux 12")' 60
    vm_status historian '.status.conditions[] | select(.type == "AgentConnected") | .status == "True"' 60
    vm_status historian '[.status.interfaces[] | .ipAddresses[]?] | index("'"$(vm_address historian)"'") != null' 60
}

@test "a readiness probe by the agent decides whether it is ready" {
    put_probe() { # FILE
        held "$T/desired/default/virtualmachines/historian" |
            jq -c ".spec.template.spec.readinessProbe = {exec: {command: [\"cat\", \"$1\"]}, periodSeconds: 2, timeoutSeconds: 5}" |
            publish "$T/desired/default/virtualmachines/historian"
    }
    local pid
    pid=$(qemu_of historian)
    put_probe /nothing
    vm_status historian '.status.ready | not' 60
    put_probe /etc/plant
    vm_status historian .status.ready 60
    [ "$(qemu_of historian)" = "$pid" ]
}

@test "stop is heard by systemd, and the disk has what was written" {
    guest_says historian 'BOOT 1'
    guest_says_next historian 'Power down' node davit stop vm/historian
    vm_state historian '.state == "Stopped"'
    node davit start vm/historian
    guest_says historian 'BOOT 2'
    drop_vm historian
}
