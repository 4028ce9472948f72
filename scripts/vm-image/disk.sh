# shellcheck shell=sh
# A disk that a BIOS can boot, from a folder, by files alone: nothing is mounted, and nobody has to be root. Sourced.

# disk_make ROOT OUT.qcow2 MEGABYTES LABEL ARGUMENTS: one ext4 partition; the kernel and initrd are its /boot's.
disk_make() {
    raw=$2.raw
    rm -f "$raw"
    truncate -s "${3}M" "$raw"
    printf 'label: dos\nlabel-id: 0x64617669\nstart=2048, type=83, bootable\n' | PATH=$PATH:/usr/sbin:/sbin sfdisk -q "$raw"
    # The same files are the same bytes: fixed ids, fixed times.
    id=64617669-7400-4000-8000-000000000000
    E2FSPROGS_FAKE_TIME=1 PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -qF -L "$4" -U $id -E "offset=1048576,hash_seed=$id,root_owner=0:0" \
        -d "$1" "$raw" "$(($3 - 1))M" >&2
    disk_loader "$raw" "$5"
    qemu-img convert -f raw -O qcow2 "$raw" "$2"
    rm -f "$raw"
}

# GRUB's first sector looks for the rest in the sector behind it, and grub-mkimage writes there how long it is.
disk_loader() {
    cat >"$1.grub" <<GRUB
linux (hd0,msdos1)/boot/vmlinuz $2
initrd (hd0,msdos1)/boot/initrd
boot
GRUB
    grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -c "$1.grub" -o "$1.core" biosdisk part_msdos ext2 linux
    dd if=/usr/lib/grub/i386-pc/boot.img of="$1" bs=440 count=1 conv=notrunc status=none
    dd if="$1.core" of="$1" bs=512 seek=1 conv=notrunc status=none
    rm -f "$1.grub" "$1.core"
}
