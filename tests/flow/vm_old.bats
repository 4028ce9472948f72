#!/usr/bin/env bats
# The plant's old guests: the board, the disks, the cards and the clock that they know, and what their licences are bound to.
# No Windows is at hand: what boots from IDE, and finds an old network card, is Debian's usual kernel, which tells what it sees.

bats_require_minimum_version 1.5.0
load davitd
load vm

setup_file() {
    vm_start old
}

teardown_file() {
    [ ! -e "$DIR/plant" ] || ip link delete "$(cat "$DIR/plant")"
    [ ! -e "$DIR/line.pid" ] || kill "$(cat "$DIR/line.pid")" || true
    flow_end
}

setup() {
    flow_test
}

# What the guest says of its hardware; its disk is the image's, its board and cards are the JQ's.
old() { # NAME SCRIPT [JQ]
    vm "$1" "$(seed "#!/bin/sh
$2") | .spec.template.spec |= (.volumes[0].containerDisk.image = \"old:1\" | .domain.memory.guest = \"192Mi\") | ${3:-.}" |
        publish "$T/desired/default/virtualmachines/$1"
}

ide='.spec.template.spec.domain |= (.machine = {type: "pc"} | .devices.disks[0].disk.bus = "ide" | .devices.disks[1] = {name: "seed", cdrom: {bus: "ide"}})'

@test "it boots from IDE on the board pc, and has its card, its numbers and its local time" {
    old relic 'cd /sys/class
echo BOARD $(cat dmi/id/product_name)
echo DISK $(basename $(readlink -f block/sda/../../../../../driver)) $(ls block)
echo CARD $(basename $(readlink net/eth0/device/driver)) $(cat net/eth0/address)
echo UUID $(cat dmi/id/product_uuid)
echo SERIAL $(cat dmi/id/product_serial)
echo CLOCK $(cut -c1-2 rtc/rtc0/time)
echo CHIPSET $(cat /sys/bus/pci/devices/0000:00:00.0/device)' "$ide"' | .spec.template.spec.domain |= (
        .clock = {timezone: "Asia/Tokyo"} | .firmware = {uuid: "5d307ca9-b3ef-428c-8861-06e72d69f223", serial: "PLANT-0042"} |
        .devices.interfaces[0] += {model: "e1000", macAddress: "52:54:00:12:34:56"})'
    guest_says relic '^CARD e1000 52:54:00:12:34:56$'
    guest_says relic '^ADDRESS eth0 '
    guest_says relic '^UUID 5d307ca9-b3ef-428c-8861-06e72d69f223$' 5
    guest_says relic '^SERIAL PLANT-0042$' 5
    # The host bridge of the 440FX.
    guest_says relic '^CHIPSET 0x1237$' 5
    local hour
    hour=$(serial relic | sed -n 's/^CLOCK //p')
    [ "$hour" = "$(TZ=Asia/Tokyo date +%H)" ] || [ "$hour" = "$(TZ=Asia/Tokyo date -d '1 minute ago' +%H)" ]
    drop_vm relic
}

@test "rtl8139, SATA disks and a CD-ROM on q35" {
    old sata 'echo CARD $(basename $(readlink /sys/class/net/eth0/device/driver))
echo DISKS $(ls /sys/block | grep -E "^(sd|sr)")' '.spec.template.spec.domain.devices |= (.disks[0].disk.bus = "sata" |
        .disks[1] = {name: "seed", cdrom: {bus: "sata"}} | .interfaces[0].model = "rtl8139")'
    guest_says sata '^CARD 8139'
    guest_says sata '^DISKS sda sr0$' 5
    drop_vm sata
}

@test "disks on SCSI, with serial numbers, one of them read-only" {
    old scsi 'for disk in /sys/block/sd*; do echo RO $(cat $disk/ro) $(tail -c +5 $disk/device/vpd_pg80 | tr -d "\0"); done' \
        '.spec.template.spec.domain.devices.disks |= (.[0] += {disk: {bus: "scsi"}, serial: "ROOT1", bootOrder: 1} |
            .[1] = {name: "seed", disk: {bus: "scsi", readonly: true}, serial: "SEED1", cache: "none"})'
    guest_says scsi '^RO 0 ROOT1'
    guest_says scsi '^RO 1 SEED1' 5
    drop_vm scsi
}

@test "UEFI" {
    old uefi '[ ! -d /sys/firmware/efi ] || echo BY EFI' "$(kernel '' | sed 's/tiny:1/old:1/') |
        .spec.template.spec.domain.firmware.bootloader = {efi: {secureBoot: false}}"
    guest_says uefi '^BY EFI$' 180
    drop_vm uefi
}

@test "a watchdog that nobody feeds resets the guest" {
    old hangs '[ $BOOTS -gt 1 ] && exit
watchdog -F -T 3 -t 1 /dev/watchdog &
sleep 2
kill -9 $!
echo HUNGRY' '.spec.template.spec.domain.devices.watchdog = {name: "dog", i6300esb: {action: "reset"}}'
    guest_says hangs '^HUNGRY$'
    guest_says hangs '^BOOTS 2$'
    vm_status hangs '.status.reboots >= 1 and .status.restarts == 0'
    drop_vm hangs
}

@test "a bridge of the device is a network of its own" {
    local plant=pl$((RANDOM % 10000))
    echo $plant >"$DIR/plant"
    ip link add $plant type bridge
    ip address add 192.0.2.1/24 dev $plant
    ip link set $plant up
    old wired 'ip address add 192.0.2.9/24 dev eth1
ip link set eth1 up
until ping -c 1 -W 1 192.0.2.1 >/dev/null; do sleep 1; done
echo WIRED $(cat /sys/class/net/eth1/address)' '.spec.template.spec |= (.networks += [{name: "plant", multus: {networkName: "'$plant'"}}] |
        .domain.devices.interfaces += [{name: "plant", bridge: {}, model: "e1000", macAddress: "52:54:00:12:34:99"}])'
    guest_says wired '^WIRED 52:54:00:12:34:99$'
    drop_vm wired
}

@test "a serial port of the device is the guest's second one" {
    python3 -c '
import os, pty, sys
master, slave = pty.openpty()
with open(sys.argv[1] + "/line.new", "w") as file:
    file.write(os.ttyname(slave))
os.rename(sys.argv[1] + "/line.new", sys.argv[1] + "/line")
with open(sys.argv[1] + "/heard", "wb", buffering=0) as heard:
    while True:
        heard.write(os.read(master, 4096))
' "$DIR" </dev/null >/dev/null 2>&1 3>&- &
    echo $! >"$DIR/line.pid"
    within 5 test -e "$DIR/line"
    old plc 'for i in 1 2 3 4 5; do echo "plc says '"$MARK"'" >/dev/ttyS1; sleep 1; done; echo SENT' \
        '.spec.template.spec.domain.devices.serialPorts = [{name: "plc", path: "'"$(cat "$DIR/line")"'"}]'
    guest_says plc '^SENT$'
    grep -q "plc says $MARK" "$DIR/heard"
    drop_vm plc
}

@test "a machine without screen, balloon and random numbers has none of them" {
    old bare 'echo DEVICES $(cat /sys/bus/pci/devices/*/class | cut -c1-6 | sort -u)
echo BALLOON $(ls /sys/bus/virtio/drivers/virtio_balloon | grep -c "^virtio")' '.spec.template.spec.domain.devices |=
        (.autoattachGraphicsDevice = false | .autoattachMemBalloon = false)'
    guest_says bare '^DEVICES'
    run -0 serial bare
    [[ $output != *0x0300* ]]
    guest_says bare '^BALLOON 0$' 5
    drop_vm bare
}
