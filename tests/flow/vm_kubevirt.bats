#!/usr/bin/env bats
# Documents in the shape of KubeVirt's own examples (kubevirt/) run with nothing but image and size changed, and the names of
# what this device has: a bridge, a file. What the guest says on its serial port is the evidence.

bats_require_minimum_version 1.5.0
load davitd
load vm

setup_file() {
    vm_start old
}

teardown_file() {
    [ ! -e "$DIR/plant" ] || ip link delete "$(cat "$DIR/plant")"
    flow_end
}

setup() {
    flow_test
}

# kube FILE IMAGE [SED...]: applied, with another image and no more memory than a guest here needs
kube() {
    local name=$1 image=$2
    shift 2
    sed -E -e "s#registry\.example/[a-z/]+:[a-z]+#$image#" -e 's/(memory|guest): (1Gi|2Gi|1024M)$/\1: 192Mi/' "${@/#/-e}" \
        "$BATS_TEST_DIRNAME/kubevirt/$name.yaml" >"$OUT/$name.yaml"
    run -0 node davit apply -f "$OUT/$name.yaml"
}

unkube() { # FILE
    node davit delete -f "$OUT/$1.yaml" --wait
}

# The tiny guest's disk as a raw file, with room to be larger.
raw_disk() { # FILE
    qemu-img convert -O raw "$("$TOP/scripts/vm-image.sh" tiny)/disk.qcow2" "$1"
}

@test "the least that people write: halted, started, seeded" {
    kube vm-cirros tiny:1
    vm_state vm-cirros '.state == "Stopped"'
    node davit start vm/vm-cirros
    guest_says vm-cirros '^SEED vm-cirros$'
    guest_says vm-cirros '^seeded$'
    unkube vm-cirros
}

@test "an old Windows: board, bus, card, numbers, clock and pointer" {
    kube vm-windows-old old:1
    guest_says vm-windows-old '^TABLET$' 180
    guest_says vm-windows-old '^CHIPSET 0x1237$' 5
    guest_says vm-windows-old '^DISK ata_piix$' 5
    guest_says vm-windows-old '^CARD e1000 52:54:00:ab:cd:ef$' 5
    guest_says vm-windows-old '^UUID 5d307ca9-b3ef-428c-8861-06e72d69f223$' 5
    guest_says vm-windows-old '^SERIAL PLANT-0042$' 5
    guest_says vm-windows-old "^CLOCK ($(TZ=Asia/Tokyo date +%H)|$(TZ=Asia/Tokyo date -d '2 minutes ago' +%H))$" 5
    vm_status vm-windows-old '[.status.conditions[] | select(.type == "IgnoredFields" and .status == "True")] == []'
    unkube vm-windows-old
}

@test "a volume that no disk names is a disk" {
    kube vmi-sata old:1
    guest_says vmi-sata '^BOOTS 1$'
    unkube vmi-sata
}

@test "disks of which only the kind is said, CD-ROMs, what an installer is answered with, processors by a limit" {
    kube vmi-sata-cdrom old:1
    guest_says vmi-sata-cdrom '^DISKS sda sdb sr0 sr1 OF 2$'
    guest_says vmi-sata-cdrom '^ANSWERS <unattend/>$' 5
    within 5 says "$T/status/default/virtualmachineinstances/vmi-sata-cdrom" '.status.conditions[] |
        select(.type == "IgnoredFields") | .message | contains("spec.domain.devices.disks[1].cdrom.tray")'
    unkube vmi-sata-cdrom
}

@test "a claim that asks for a block device, and has a disk in it" {
    local folder=$N/state/claims/default/block-claim
    mkdir -p "$folder"
    raw_disk "$folder/disk.img"
    kube vmi-block-pvc tiny:1
    guest_says vmi-block-pvc '^BOOTS 1$'
    node davit delete vmi vmi-block-pvc --wait
    kube vmi-block-pvc tiny:1
    guest_says vmi-block-pvc '^BOOTS 2$'
    unkube vmi-block-pvc
}

@test "a disk in a file of the device" {
    raw_disk "$OUT/disk.img"
    kube vmi-host-disk tiny:1 "s#/var/data#$OUT#"
    guest_says vmi-host-disk '^BOOTS 1$'
    unkube vmi-host-disk
}

@test "a second network, by the name of a bridge and the namespace that it would have" {
    local plant=pl$((RANDOM % 10000))
    echo $plant >"$DIR/plant"
    ip link add $plant type bridge
    ip address add 192.0.2.1/24 dev $plant
    ip link set $plant up
    kube vmi-multus-multiple-net tiny:1 "s/ptp-conf/$plant/"
    guest_says vmi-multus '^WIRED 52:54:00:12:34:99$'
    unkube vmi-multus-multiple-net
}

@test "kernel and initrd from an image, and no disk" {
    kube vmi-kernel-boot tiny:1
    guest_says vmi-kernel-boot '^READY$'
    run -0 serial vmi-kernel-boot
    [[ $output != *BOOTS* ]]
    unkube vmi-kernel-boot
}

@test "a config drive, an installer's answers and a labelled ConfigMap are found by their labels" {
    jq -nc '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "plant"}, data: {line: "A7"}}' | publish "$T/desired/default/configmaps/plant"
    put_vm labels "$(seed '#!/bin/sh
look() { mkdir "/tmp/$1"; mount -t iso9660 -o ro "$(findfs "LABEL=$1")" "/tmp/$1"; }
look config-2
look unattend
look PLANT
echo USER $(cat /tmp/config-2/openstack/latest/user_data)
echo META $(cat /tmp/config-2/openstack/latest/meta_data.json)
echo ANSWERS $(cat /tmp/unattend/line)
echo LABELLED $(cat /tmp/PLANT/line)') | .spec.template.spec |= (.volumes += [
        {name: \"drive\", cloudInitConfigDrive: {userData: \"{ignition}\"}}, {name: \"answers\", sysprep: {configMap: {name: \"plant\"}}},
        {name: \"conf\", configMap: {name: \"plant\", volumeLabel: \"PLANT\"}}] |
        .domain.devices.disks += [{name: \"drive\", disk: {bus: \"virtio\"}}, {name: \"answers\", disk: {bus: \"virtio\"}},
        {name: \"conf\", disk: {bus: \"virtio\"}}])"
    guest_says labels '^LABELLED A7$'
    guest_says labels '^USER \{ignition\}$' 5
    guest_says labels '^META \{"uuid":"labels.default","hostname":"labels"\}$' 5
    guest_says labels '^ANSWERS A7$' 5
    drop_vm labels
}
