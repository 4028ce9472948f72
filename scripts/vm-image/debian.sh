#!/bin/sh
# Makes a fresh debootstrap a guest: vm-image/debian.sh ROOT. Its network, its name and its users are cloud-init's to say.
set -eu
root=$1
# The disk's driver and its file system are all that it needs to find its root; unpacking more takes seconds.
printf 'virtio_pci\nvirtio_blk\nvirtio_scsi\nsd_mod\nata_piix\next4\n' >>"$root/etc/initramfs-tools/modules"
sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
chroot "$root" update-initramfs -u
# A seed is a volume; nobody is to be asked over a network that may not be there. RSA keys take long without KVM.
cat >"$root/etc/cloud/cloud.cfg.d/90_davit.cfg" <<CFG
datasource_list: [NoCloud, None]
apt: {preserve_sources_list: true}
ssh_genkeytypes: [ed25519]
CFG
printf 'LABEL=davit-debian / ext4 rw,noatime 0 1\n' >"$root/etc/fstab"
echo debian >"$root/etc/hostname"
: >"$root/etc/machine-id"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/etc/systemd/system/getty.target.wants"
for unit in systemd-networkd systemd-resolved; do
    ln -sf "/lib/systemd/system/$unit.service" "$root/etc/systemd/system/multi-user.target.wants/$unit.service"
done
ln -sf /lib/systemd/system/serial-getty@.service "$root/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service"
# What Debian does at night only makes the boot longer.
for unit in apt-daily.timer apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service dpkg-db-backup.timer \
    getty@tty1.service systemd-networkd-wait-online.service; do
    rm -f "$root/etc/systemd/system"/*.wants/"$unit"
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/locale/* \
    "$root"/usr/share/man/*
