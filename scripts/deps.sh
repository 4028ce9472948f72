#!/bin/sh
# The Debian packages Davit needs, in one place, and their installation.
#
#   scripts/deps.sh GROUP...           installs what is missing of these groups
#   scripts/deps.sh --list GROUP...    prints their packages, one a line
#
# Groups: build (to compile), run (to run a node), vm-build and vm (the same for virtual machines; nothing else needs them),
# vm-image (to make disks for them), test (what the test run needs besides), bench, guest and vm-guest (inside the
# Debian guests of the tests).
set -eu

build='gcc libc6-dev make autoconf automake libtool pkg-config scdoc
libuv1-dev libcjson-dev libsqlite3-dev libarchive-dev libyaml-dev libinih-dev libseccomp-dev nettle-dev
libpaho-mqtt-dev libssl-dev libcurl4-openssl-dev uthash-dev libnl-route-3-dev libnftables-dev'
programs='conmon crun dnsmasq-base mosquitto mosquitto-clients busybox-static'
libraries='libuv1 libcjson1 libsqlite3-0 libarchive13 libyaml-0-2 libinih1 libseccomp2 libnettle8 libpaho-mqtt1.3 libcurl4 libssl3 libnl-route-3-200 libnftables1 ca-certificates'
run="$programs $libraries mount util-linux"
test='attr faketime python3-prometheus-client docker-registry skopeo umoci buildah podman apache2-utils bats pmccabe shellcheck libcmocka-dev python3 python3-paho-mqtt rabbitmq-server openssl strace tmux zsh fish jq procps python3-jsonschema iproute2 nftables containernetworking-plugins
cpio linux-image-cloud-amd64 debootstrap debian-archive-keyring gpgv qemu-system-x86 e2fsprogs qemu-utils genisoimage xorriso xz-utils
zstd'
# The daemon of libvirt's old, single kind, as every Debian has it; its network and its firewall are not used.
vm='libvirt-daemon libvirt-daemon-driver-qemu libvirt-daemon-system libvirt0 qemu-system-x86 qemu-utils ovmf seabios'
vm_build='libvirt-dev'
vm_image='qemu-utils e2fsprogs fdisk cpio grub-common grub-pc-bin busybox-static'
# virt-xml-validate is a script around xmllint.
vm_test="$vm $vm_image libvirt-clients libxml2-utils genisoimage qemu-guest-agent"
# debootstrap does not see that python3-cffi-backend is what python3-cryptography wants.
vm_guest='systemd systemd-sysv systemd-resolved udev dbus kmod iproute2 iputils-ping cloud-init python3-cffi-backend qemu-guest-agent openssh-server linux-image-cloud-amd64 initramfs-tools'
bench='python3 python3-paho-mqtt openssl binutils docker-registry skopeo umoci podman catatonit strace e2fsprogs'
guest="$programs $libraries systemd systemd-sysv dbus kmod linux-image-cloud-amd64 initramfs-tools"

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

packages_of() {
    case $1 in
    build) echo "$build" ;;
    run) echo "$run" ;;
    vm) echo "$vm" ;;
    vm-build) echo "$vm_build" ;;
    vm-image) echo "$vm_image" ;;
    test) echo "$test $vm_test" ;;
    bench) echo "$bench $vm_test" ;;
    guest) echo "$guest" ;;
    vm-guest) echo "$vm_guest" ;;
    *) echo "deps.sh: there is no group '$1': build run vm-build vm vm-image test bench guest vm-guest" >&2; return 2 ;;
    esac
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

install_missing() {
    if ! command -v apt-get >/dev/null; then
        echo "deps.sh: this machine has no apt-get; install by hand the equivalents of:$*" >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "deps.sh: these packages are missing, and only root can install them. Run:" >&2
        echo "    sudo apt-get install --no-install-recommends$*" >&2
        return 1
    fi
    echo "Installing:$*" >&2
    export DEBIAN_FRONTEND=noninteractive
    # A fresh machine knows no package lists, and an old one knows files that the mirror no longer has.
    # shellcheck disable=SC2048,SC2086 # a list of words
    if ! apt-get install -y --no-install-recommends $* </dev/null; then
        echo "deps.sh: trying again after apt-get update" >&2
        apt-get update </dev/null
        apt-get install -y --no-install-recommends $* </dev/null
    fi
}

list=no
[ "${1:-}" = --list ] && { list=yes; shift; }
[ $# -gt 0 ] || usage
wanted=
for group in "$@"; do
    more=$(packages_of "$group")
    wanted="$wanted $more"
done
# shellcheck disable=SC2086 # a list of words
wanted=$(printf '%s\n' $wanted | sort -u)

if [ $list = yes ]; then
    echo "$wanted"
    exit 0
fi
missing=
for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
done
[ -z "$missing" ] || install_missing "$missing"
