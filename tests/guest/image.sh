#!/bin/sh
# Makes the Debian guest of the tests, once: a root file system, a kernel and its initrd, in a cache folder named after
# everything that went into it. Prints the folder. About two minutes the first time, nothing after that.
#
#   tests/guest/image.sh
#
# DAVIT_TEST_CACHE names another cache folder, DAVIT_DEBIAN_MIRROR another mirror.
set -eu
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/image-lib.sh"
packages=$("$here/../../scripts/deps.sh" --list guest | paste -sd, -)

cache=${DAVIT_TEST_CACHE:-${XDG_CACHE_HOME:-/var/cache}/davit-tests}
key=$({ echo "$packages"; cat "$here/image.sh" "$here/../../scripts/image-lib.sh" "$here/inside/entry.sh" "$here/inside/entry.service"; } |
    sha256sum | cut -c1-16)
image=$cache/guest-$key
if [ -e "$image/complete" ]; then
    echo "$image"
    exit 0
fi

# Two test runs at once make it once.
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ -e "$image/complete" ]; then
    echo "$image"
    exit 0
fi
# What nobody asked for in a month, and what a killed run left.
find "$cache" -mindepth 1 -maxdepth 1 \( -name 'guest-*' -mtime +30 -o -name 'making.*' -mtime +0 \) -exec rm -rf {} +
work=$(mktemp -d "$cache/making.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

echo "guest image: debootstrap of a Debian (once, into $cache)" >&2
debian_tree "$work" "$packages"

root=$work/root
# The disk's driver and its file system are all that a guest needs to find its root; unpacking more takes seconds.
printf 'virtio_pci\nvirtio_blk\next4\n' >>"$root/etc/initramfs-tools/modules"
sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
chroot "$root" update-initramfs -u >>"$work/debootstrap.log" 2>&1 || { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
mkdir -p "$work/image"
cp "$root"/boot/vmlinuz-* "$work/image/vmlinuz"
cp "$root"/boot/initrd.img-* "$work/image/initrd"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc "$root"/usr/share/locale \
    "$root"/boot/initrd* "$root"/boot/vmlinuz*
echo davit-guest >"$root/etc/hostname"
printf '/dev/vda / ext4 rw,noatime 0 1\n' >"$root/etc/fstab"
: >"$root/etc/machine-id"
install -m 755 "$here/inside/entry.sh" "$root/usr/local/sbin/davit-guest-entry"
install -m 644 "$here/inside/entry.service" "$root/etc/systemd/system/davit-guest-entry.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../davit-guest-entry.service "$root/etc/systemd/system/multi-user.target.wants/"
# Nothing logs in, and what Debian does at night or for a person only makes the boot longer.
for unit in mosquitto.service getty@.service serial-getty@.service apt-daily.timer apt-daily-upgrade.timer \
    fstrim.timer e2scrub_all.timer e2scrub_reap.service dpkg-db-backup.timer systemd-networkd-wait-online.service; do
    rm -f "$root/etc/systemd/system"/*.wants/"$unit"
    [ "$unit" = mosquitto.service ] || ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

mkfs.ext4 -qF -L guest -E root_owner=0:0 -d "$root" "$work/image/root.ext4" 2G >&2
rm -rf "$image"
: >"$work/image/complete"
mv "$work/image" "$image"
echo "$image"
