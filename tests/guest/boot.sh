#!/bin/sh
# Boots the guest with a tar as its second disk, and prints the TAP it sends.
#
#   tests/guest/boot.sh PAYLOAD.tar [SECONDS]
#
# The tar holds guest-test/run (see inside/entry.sh) and whatever belongs on the root. The guest's disk is thrown away.
# DAVIT_GUEST_LOG keeps the console's log in that file. Exit 1: no end within SECONDS (300).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
payload=${1:?boot.sh: the payload tar is missing}
limit=${2:-300}
image=$("$here/image.sh")
work=$(mktemp -d)
qemu=
finish() {
    [ -z "$qemu" ] || kill -9 "$qemu" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
console=${DAVIT_GUEST_LOG:-$work/console}
: >"$work/tap"

# A disk is read in sectors, a tar ends in whole blocks.
cp "$payload" "$work/payload"
truncate -s %1048576 "$work/payload"

# Without KVM by default: a nested KVM may be there and not work.
accel=${DAVIT_GUEST_ACCEL:-tcg,thread=multi}
qemu-system-x86_64 -accel "$accel" -cpu max -smp 2 -m 1024 -nodefaults -display none -nic none \
    -kernel "$image/vmlinuz" -initrd "$image/initrd" \
    -append "root=/dev/vda rw console=ttyS0 quiet loglevel=3 systemd.show_status=no" \
    -drive "file=$image/root.ext4,format=raw,if=virtio,snapshot=on" \
    -drive "file=$work/payload,format=raw,if=virtio,readonly=on" \
    -serial "file:$console" -serial "file:$work/tap" </dev/null &
qemu=$!

deadline=$(($(date +%s) + limit))
late=no
while kill -0 $qemu 2>/dev/null; do
    if [ "$(date +%s)" -ge $deadline ]; then
        late=yes
        break
    fi
    sleep 0.2
done
[ $late = yes ] || { wait $qemu || echo "# qemu ended with $?"; qemu=; }
tr -d '\r' <"$work/tap"
if [ $late = yes ]; then
    echo "# the guest did not end within $limit s; the end of its console:"
    tail -n 40 "$console" | tr -d '\r' | sed 's/^/# /'
    exit 1
fi
