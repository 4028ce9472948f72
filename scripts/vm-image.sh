#!/bin/sh
# Makes disks for virtual machines out of Debian's packages, and puts them into images as a containerDisk wants them:
# /disk/disk.qcow2, and beside it /boot/vmlinuz and /boot/initrd for a kernelBoot.
#
#   scripts/vm-image.sh KIND OUT.tar REFERENCE     a docker-archive, for `davit image import`
#   scripts/vm-image.sh KIND                       prints the folder with disk.qcow2, vmlinuz and initrd
#
# Kinds: tiny   Debian's cloud kernel and a busybox (vm-image/init.sh says what it does); up in seconds without KVM
#        old    the same with Debian's usual kernel, which knows e1000, rtl8139, AHCI, USB and the watchdog
#        debian a Debian with systemd, cloud-init and qemu-guest-agent; two minutes the first time
#
# What was made is kept in /var/cache/davit-tests, or DAVIT_TEST_CACHE, under the name of all that went into it.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
. "$here/image-lib.sh"
. "$here/vm-image/disk.sh"

fail() {
    echo "vm-image.sh: $*" >&2
    exit 1
}

# The package with the kernel of this flavour, as apt would install it.
kernel_package() {
    apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

# What the image is made from, in one word: another kernel or another script makes another folder.
key_of() {
    case $1 in
    debian) echo "$1 $debian_packages" | cat - "$here/vm-image/debian.sh" ;;
    *) echo "$1 $(kernel_package "$(flavour_of "$1")")" | cat - "$here/vm-image/init.sh" "$here/vm-image/lease.sh" "$(command -v busybox)" ;;
    esac | cat - "$here/vm-image.sh" "$here/vm-image/disk.sh" | sha256sum | cut -c1-16
}

flavour_of() {
    case $1 in
    tiny) echo "linux-image-cloud-$(dpkg --print-architecture)" ;;
    old) echo "linux-image-$(dpkg --print-architecture)" ;;
    esac
}

# unpack_kernel FLAVOUR ROOT: the kernel's package, unpacked and not installed: a machine's own boot menu is its own.
unpack_kernel() {
    package=$(kernel_package "$1")
    [ -n "$package" ] || { apt-get update </dev/null >&2 && package=$(kernel_package "$1"); }
    [ -n "$package" ] || fail "apt knows no package $1"
    mkdir "$work/deb" "$2"
    (cd "$work/deb" && apt-get -o APT::Sandbox::User=root -qq download "$package" >&2) || fail "apt could not download $package"
    dpkg-deb -x "$work"/deb/*.deb "$2"
}

# What has to be loaded, of what there is: a cloud kernel has no old hardware.
drivers='virtio_pci virtio_blk virtio_net virtio_scsi virtio_balloon virtio_rng pvpanic-mmio pvpanic-pci isofs nls_iso8859-1 evdev button crc32c_generic ext4
ata_piix ata_generic ahci sd_mod sr_mod e1000 e1000e 8139cp 8139too pcnet32 i6300esb usb-storage uhci-hcd ehci-pci xhci-pci usbhid'

# A kernel without KVM would look whether its timer ticks, and take a busy machine's for broken.
usual='console=ttyS0 quiet no_timer_check'

# initrd_tree KERNEL ROOT: the busybox, the drivers with what they need, and the first process.
initrd_tree() {
    version=$(ls "$1/lib/modules")
    mkdir -p "$2/bin" "$2/dev" "$2/etc" "$2/proc" "$2/sys" "$2/tmp" "$2/disk" "$2/seed" "$2/www" "$2/lib/modules/$version"
    cp "$(command -v busybox)" "$2/bin/busybox"
    for applet in $("$2/bin/busybox" --list); do
        [ -e "$2/bin/$applet" ] || ln -s busybox "$2/bin/$applet"
    done
    depmod=$(PATH=$PATH:/usr/sbin:/sbin command -v depmod || echo "$2/bin/depmod")
    "$depmod" -b "$1" "$version"
    for driver in $drivers; do
        # NAME.ko: what it needs …
        sed -n "s,:, ,; /\/$driver\.ko /p" "$1/lib/modules/$version/modules.dep"
    done | tr ' ' '\n' | sed '/^$/d' | sort -u >"$work/modules"
    tar -C "$1/lib/modules/$version" -cf - -T "$work/modules" | tar -C "$2/lib/modules/$version" -xf -
    "$depmod" -b "$2" "$version" 2>/dev/null
    for driver in $drivers; do
        ! grep -q "/$driver\.ko$" "$work/modules" || echo "$driver"
    done >"$2/etc/drivers"
    install -m 755 "$here/vm-image/init.sh" "$2/init"
    install -m 755 "$here/vm-image/lease.sh" "$2/etc/lease.sh"
}

# The busybox, on a disk that boots by itself and remembers how often it did.
make_small() {
    unpack_kernel "$(flavour_of "$1")" "$work/kernel"
    initrd_tree "$work/kernel" "$work/initrd"
    cp "$work"/kernel/boot/vmlinuz-* "$image/vmlinuz"
    (cd "$work/initrd" && find . -exec touch -h -d @0 {} + && find . | sort |
        cpio --quiet --reproducible -R 0:0 -o -H newc | gzip -n1) >"$image/initrd"
    mkdir -p "$work/root/boot"
    cp "$image/vmlinuz" "$image/initrd" "$work/root/boot/"
    disk_make "$work/root" "$image/disk.qcow2" 96 davit-tiny "$usual"
}

debian_packages=$("$here/deps.sh" --list vm-guest | paste -sd, -)

make_debian() {
    echo "vm-image.sh: debootstrap of a Debian (once, into $cache)" >&2
    debian_tree "$work" "$debian_packages"
    (cd "$work" && sh "$here/vm-image/debian.sh" root) >"$work/debian.log" 2>&1 || { tail -n 20 "$work/debian.log" >&2; fail "the Debian could not be set up"; }
    cp "$work"/root/boot/vmlinuz-* "$image/vmlinuz"
    cp "$work"/root/boot/initrd.img-* "$image/initrd"
    mv "$work"/root/boot/vmlinuz-* "$work/root/boot/vmlinuz"
    mv "$work"/root/boot/initrd.img-* "$work/root/boot/initrd"
    disk_make "$work/root" "$image/disk.qcow2" 2048 davit-debian "root=LABEL=davit-debian rw $usual"
}

# folder_of KIND: made where it is not there; two at once make it once.
folder_of() {
    kind=$1
    cache=${DAVIT_TEST_CACHE:-${XDG_CACHE_HOME:-/var/cache}/davit-tests}
    folder=$cache/vm-$kind-$(key_of "$kind")
    [ ! -e "$folder/complete" ] || { echo "$folder"; return; }
    mkdir -p "$cache"
    exec 9>"$cache/lock-vm-$kind"
    flock 9
    if [ ! -e "$folder/complete" ]; then
        find "$cache" -mindepth 1 -maxdepth 1 -name "vm-$kind-*" -mtime +30 -exec rm -rf {} +
        work=$(mktemp -d "$cache/making.XXXXXX")
        trap 'rm -rf "$work"' EXIT
        trap 'exit 130' INT TERM
        image=$work/image
        mkdir "$image"
        case $kind in
        debian) make_debian ;;
        *) make_small "$kind" ;;
        esac
        rm -rf "$folder"
        : >"$image/complete"
        mv "$image" "$folder"
        rm -rf "$work"
    fi
    exec 9>&-
    echo "$folder"
}

case ${1:-} in
tiny | old | debian) ;;
*) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
for program in cpio qemu-img mkfs.ext4 sfdisk grub-mkimage busybox; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || fail "$program is missing; run: sudo scripts/deps.sh vm vm-image"
done
folder=$(folder_of "$1")
case $# in
1) echo "$folder" ;;
3)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/root/disk" "$work/root/boot"
    cp "$folder/disk.qcow2" "$work/root/disk/"
    cp "$folder/vmlinuz" "$folder/initrd" "$work/root/boot/"
    archive_image "$work" "$work/root" "$2" "$3"
    ;;
*) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
