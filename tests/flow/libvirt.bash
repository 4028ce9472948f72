# For the tests of the libvirt plugin: a libvirtd of the tests' own, in a mount and a network namespace of its own, and a
# guest made on the spot of Debian's cloud kernel and busybox. DAVIT_BUILD names the build folder. Root only.
load runtime-lib.bash

# Why these tests cannot run here; nothing: they can.
libvirt_missing() {
    local program kernel
    for program in libvirtd virtlogd qemu-system-x86_64 qemu-img busybox cpio; do
        command -v "$program" >/dev/null || { echo "$program is not installed"; return; }
    done
    kernel=$(guest_kernel)
    [ -n "$kernel" ] || echo "linux-image-cloud-amd64 is not installed"
}

guest_kernel() { find /boot -name 'vmlinuz-*-cloud-amd64' | sort -V | tail -n 1; }

setup_file() {
    local missing
    missing=$(libvirt_missing)
    [ -z "$missing" ] || skip "$missing"
    BUILD=$(cd "${DAVIT_BUILD:-$BATS_TEST_DIRNAME/../../build}" && pwd) || return 1
    export BUILD
    export HOST="$BUILD/davit-runtime" DRIVE="$BUILD/runtimedrive" PLUGIN="$BUILD/.libs/libvirt.so"
    [ "$(id -u)" = 0 ] || { echo "these tests need root" >&2; return 1; }
    [ -x "$PLUGIN" ] || { echo "no $PLUGIN: build it with libvirt-dev, or set DAVIT_BUILD" >&2; return 1; }
    [ -x "$DRIVE" ] || make -C "$BUILD" runtimedrive >&2 || return 1
    DIR=$(mktemp -d) # closed to everybody but root, as a node's folders are
    export DIR
    guest_make
    namespace_make
    libvirtd_start
}

teardown_file() {
    [ -n "${DIR:-}" ] || return 0
    domains_end
    daemon_end libvirtd -TERM
    daemon_end virtlogd -TERM
    kill "$(cat "$DIR/holder")"
    rm -rf "$DIR"
}

setup() {
    NODE="$DIR/$BATS_TEST_NUMBER"
    UID1=$(cat /proc/sys/kernel/random/uuid)
    UID2=$(cat /proc/sys/kernel/random/uuid)
    mkdir -p "$NODE"
    RUN="$DIR/run/$BATS_TEST_NUMBER"
    printf '{"node":"t","stateDir":"%s/state","runDir":"%s","logDir":"%s/logs","libexecDir":"%s","options":{"emulated":"yes"}}' \
        "$NODE" "$RUN" "$NODE" "$BUILD" > "$NODE/config.json"
}

# What a test that failed left running; the daemons stay. What it saw is told.
teardown() {
    domains_end
    [ -e "$DIR/libvirtd.pid" ] || libvirtd_start
    libvirtd_signal -CONT
    [ -z "${BATS_TEST_COMPLETED:-}" ] || return 0
    cut -c 1-600 "$NODE"/out* 2>/dev/null || true
    tail -n 20 "$NODE"/logs/*/compute/*.log 2>/dev/null || true
    in_ns tail -n 5 /var/log/libvirt/qemu/davit-*.log 2>/dev/null || true
}

# ---- the machine

namespace_make() {
    local tries=0
    # Everything that libvirtd touches is a tmpfs of its own; the network has not even a loopback.
    unshare -m -n --propagation private sh -c '
        if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
        cp -a /etc/libvirt "$1/etc"
        for folder in /run /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
        printf "max_size = 65536\nmax_backups = 2\n" > "$1/etc/virtlogd.conf"
        mount --bind "$1/etc" /etc/libvirt
        rm -rf /etc/libvirt/qemu/* /etc/libvirt/storage/* /etc/libvirt/nwfilter/*
        mkdir -p "$1/run" /run/libvirt /run/lock
        mount -t tmpfs tmpfs "$1/run"
        : > "$1/ready"; exec sleep 3600' sh "$DIR" 3>&- &
    echo $! > "$DIR/holder"
    until [ -e "$DIR/ready" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
    [ -e "$DIR/ready" ]
}

in_ns() { nsenter -m -n -t "$(cat "$DIR/holder")" -- "$@"; }

virsh_() { in_ns virsh -q -c qemu:///system "$@"; }

libvirtd_start() {
    [ -e "$DIR/virtlogd.pid" ] || in_ns virtlogd -d -p "$DIR/virtlogd.pid" 3>&-
    in_ns libvirtd -d -p "$DIR/libvirtd.pid" 3>&-
    within 20 virsh_ version >/dev/null
}

# daemon_end NAME SIGNAL: and waits for it
daemon_end() {
    local pid
    pid=$(cat "$DIR/$1.pid" 2>/dev/null) || return 0
    kill "$2" "$pid" 2>/dev/null || true
    within 10 eval "! kill -0 $pid 2>/dev/null"
    rm -f "$DIR/$1.pid"
}

libvirtd_signal() { kill "$1" "$(cat "$DIR/libvirtd.pid")"; }

# Those of this file's libvirtd only: their processes name the file's folder.
qemu_pids() { pgrep -f "^/usr/bin/qemu-system.*$DIR/" || true; }

qemu_pid() { pgrep -f "^/usr/bin/qemu-system.*guest=$(domain_of "$1"),"; }

domains_end() {
    local pid
    for pid in $(qemu_pids); do kill -9 "$pid" 2>/dev/null || true; done
}

# ---- the guest

guest_modules='virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk virtio_console evdev button
pvpanic pvpanic-mmio'

guest_make() {
    local kernel version module root="$DIR/root" layer="$DIR/layers/guest"
    kernel=$(guest_kernel)
    version=${kernel#/boot/vmlinuz-}
    mkdir -p "$root/bin" "$root/modules" "$root/etc/acpi/PWRF" "$root/proc" "$root/sys" "$root/dev" "$layer/boot"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for module in $guest_modules; do
        find "/lib/modules/$version" -name "$module.ko" -exec cp {} "$root/modules/" \;
    done
    cp "$BATS_TEST_DIRNAME/libvirt-guest.sh" "$root/init"
    printf '#!/bin/sh\necho "guest: the power button" >/dev/ttyS0\npoweroff -f\n' > "$root/etc/acpi/PWRF/00000080"
    chmod 755 "$root/init" "$root/etc/acpi/PWRF/00000080"
    cp "$kernel" "$layer/boot/vmlinuz"
    (cd "$root" && find . | cpio -o -H newc --quiet > "$layer/boot/initrd")
    guest_make_agent "$root" "$layer"
}

# The same with Debian's guest agent, where it is installed.
guest_make_agent() {
    local root=$1 layer=$2 library
    command -v qemu-ga >/dev/null || return 0
    cp "$(command -v qemu-ga)" "$root/bin/"
    for library in $(ldd "$(command -v qemu-ga)" | grep -o '/[^ ]*'); do
        mkdir -p "$root/$(dirname "$library")"
        cp -L "$library" "$root/$library"
    done
    (cd "$root" && find . | cpio -o -H newc --quiet > "$layer/boot/initrd-agent")
}

# ---- documents

# vm UID ATTEMPT [KERNEL-ARGS] [DISKS] [VOLUMES] [INITRD], of the object VM_NAME
vm() {
    local name=${VM_NAME:-hmi}
    printf '{"pod":{"namespace":"default","name":"%s","uid":"%s"},"attempt":%s,"container":{"name":"compute"},' "$name" "$1" "$2"
    printf '"vm":{"object":"default/virtualmachines/%s","hostname":"hmi","graceMs":20000,"domain":{"cpu":{"sockets":1,"cores":1,"threads":1},' "$name"
    printf '"memoryBytes":201326592,"machine":{"type":"q35"},"clock":{"utc":true},"features":{"acpi":true,"apic":true},'
    printf '"firmware":{"bootloader":"bios","kernelBoot":{"kernelArgs":"console=ttyS0 quiet %s","kernelPath":"/boot/vmlinuz",' "${3-}"
    printf '"initrdPath":"/boot/%s","image":{"id":"sha256:00","layers":["%s"]}}},' "${6:-initrd}" "$DIR/layers/guest"
    printf '"devices":{"disks":[%s],"interfaces":[],"serialConsole":true%s}},' "${4-}" "${VM_DEVICES-}"
    printf '"volumes":[%s],"networks":[],"emulated":"auto"},"image":null,"record":{"hash":"h1"}}' "${5-}"
}

# log_path UID ATTEMPT: where the console is written
log_path() { echo "$NODE/logs/default_${VM_NAME:-hmi}_$1/compute/$2.log"; }

# up UID ATTEMPT: until the guest says so
up() { echo "seen $(log_path "$1" "$2") guest: up"; }

# told TEXT: until it was heard, now or before; of the file OUT
told() { echo "seen ${OUT:-$NODE/out} $1"; }

# exited UID ATTEMPT: until its end was told
exited() { told "\"state\":\"exited\",\"logPath\":\"$(log_path "$1" "$2")\""; }

# typed UID ATTEMPT LINE: at the serial console, by somebody who looks for its answer
typed() {
    echo "join $NODE/typed.$2 exec - 60000 $(vm_ref "$1" "$2" ',"stream":true,"stdin":true,"console":"serial"')"
    echo "sleep 200"
    echo "say $3"
}

# vm_ref UID ATTEMPT [MORE]
vm_ref() { ref "$1" compute "$2" "${3-}"; }

# boot UID ATTEMPT …: created, started, and up
boot() {
    call create "$1" "$(vm "$@")"
    call start "$1" "$(vm_ref "$1" "$2")"
    echo "wait all"
}

console_of() { cat "$(log_path "$1" "$2")"; }

domain_of() { echo "davit-$(tr -d - <<<"$1" | cut -c 1-12)"; }

is_running() { [ "$(virsh_ domstate "$(domain_of "$1")" 2>/dev/null)" = running ]; }
