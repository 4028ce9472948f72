#!/bin/sh
# Process 1 of the tiny guest. On its serial console it says, each on a line of its own:
#
#   BOOTS n                its disk counts how often it came up (only with its disk)
#   SEED name              a NoCloud seed was read
#   READY                  it is up; a shell is on the console
#   ADDRESS eth0 10.0.0.2  and answers there on port 80 with its name; then the seed's user-data, where it begins with #!, is run
#   POWER                  the power button was pressed; it goes down, unless the kernel was given tiny.button=no
#
# The kernel's argument tiny.task=VERB,SECONDS has it do something after that time: poweroff, reboot, or crash (a panic).
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
echo 1 >/proc/sys/kernel/printk
while read -r driver; do
    modprobe "$driver" 2>/dev/null
done </etc/drivers
hostname tiny

argument() { # NAME: what the kernel's command line says of it
    sed -n "s/.*\<$1=\([^ ]*\).*/\1/p" /proc/cmdline
}

# Disks on IDE and SATA are found a moment after their controller.
labelled() { # LABEL
    grep -qs '^0x01' /sys/bus/pci/devices/*/class || return 1
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        findfs "LABEL=$1" 2>/dev/null && return 0
        [ -e /sys/class/ata_port ] && [ -n "$(ls /sys/class/ata_port)" ] || return 1
        sleep 0.2
    done
    return 1
}

go_down() { # poweroff or reboot
    umount /disk 2>/dev/null
    sync
    "$1" -f
}

count_boots() {
    boots=$(($(cat /disk/boots 2>/dev/null || echo 0) + 1))
    echo $boots >/disk/boots
    sync
    echo "BOOTS $boots"
    export BOOTS=$boots
}

read_seed() {
    name=$(sed -n 's/^ *"\{0,1\}local-hostname"\{0,1\}: *"\{0,1\}\([^",]*\).*/\1/p' /seed/meta-data)
    [ -z "$name" ] || hostname "$name"
    echo "SEED $name"
}

# When there is a network, if there is ever to be one.
run_seed() {
    case $(head -c 2 /seed/user-data 2>/dev/null) in
    '#!') ;;
    *) return ;;
    esac
    for _ in $(seq 100); do
        [ ! -e /tmp/asked ] || [ -e /tmp/address ] && break
        sleep 0.2
    done
    /bin/sh /seed/user-data </dev/null
}

power_button() {
    for event in /sys/class/input/event*; do
        [ "$(cat "$event/device/name")" = "Power Button" ] || continue
        while dd "if=/dev/input/${event##*/}" of=/dev/null bs=24 count=1 2>/dev/null; do
            printf '\nPOWER\n' >/dev/console
            [ "$(argument tiny.button)" = no ] || go_down poweroff
        done
    done
}

task() { # VERB,SECONDS
    sleep "${1#*,}"
    case ${1%,*} in
    crash) echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger ;;
    poweroff | reboot) go_down "${1%,*}" ;;
    esac
}

power_button &
if partition=$(labelled davit-tiny) && mount -t ext4 "$partition" /disk; then
    count_boots
fi
if seed=$(labelled cidata) && mount -t iso9660 -o ro "$seed" /seed; then
    read_seed
fi
hostname >/www/index.html
httpd -h /www
for interface in /sys/class/net/e*; do
    [ -e "$interface" ] || continue
    ip link set "${interface##*/}" up
    : >/tmp/asked
    udhcpc -f -t 30 -T 1 -i "${interface##*/}" -s /etc/lease.sh -O search -x "hostname:$(hostname)" >/dev/null 2>&1 &
done
echo READY
run_seed &
todo=$(argument tiny.task)
[ -z "$todo" ] || task "$todo" &
while :; do
    setsid cttyhack sh
    sleep 1
done
