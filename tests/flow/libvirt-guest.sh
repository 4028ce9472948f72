#!/bin/busybox sh
# shellcheck shell=dash
# The guest of the libvirt tests, as its init: says that it is up, hears the power button, and carries out what is typed.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk virtio_console evdev button \
    pvpanic pvpanic-mmio; do
    [ ! -e /modules/$module.ko ] || insmod /modules/$module.ko
done
mkdir -p /run /tmp /var/log /var/run
exec </dev/ttyS0 >/dev/ttyS0 2>&1
acpid
if [ -x /bin/qemu-ga ]; then
    echo 'PRETTY_NAME="Test Linux 1"' >/etc/os-release
    port=$(grep -l org.qemu.guest_agent.0 /sys/class/virtio-ports/*/name | sed 's,.*/\(vport[^/]*\)/name,\1,')
    qemu-ga -d -m virtio-serial -p "/dev/$port" -f /run/ga.pid -t /run
fi
echo "guest: up"
case $(cat /proc/cmdline) in
*do=poweroff*) poweroff -f ;;
*do=crash*) echo c >/proc/sysrq-trigger ;;
esac
while read -r line; do
    sh -c "$line"
    echo "guest: did $line"
done
poweroff -f
