#!/bin/sh
# Davit in a Debian guest, under systemd and cgroup v2: installs the staged programs there and runs inside/run.sh over
# two boots. Prints TAP. DAVIT_STAGE names another staged install than build/stage.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
stage=${DAVIT_STAGE:-$top/build/stage}
[ -x "$stage/usr/sbin/davitd" ] || "$top/scripts/build.sh" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

payload=$work/payload
mkdir -p "$payload/guest-test" "$payload/etc/mosquitto/conf.d" "$payload/etc/davit/conf.d"
cp -a "$stage/." "$payload/"
# Debug information is most of it, and the disk in the guest is slow.
find "$payload/usr" -type f \( -perm -100 -o -name '*.so' \) -exec strip {} + 2>/dev/null || true
cp "$top/conf/davitd.conf" "$payload/etc/davit/davitd.conf"
cp "$top/conf/mosquitto/davit.conf" "$payload/etc/mosquitto/conf.d/"
printf '[node]\nname=guest\n' >"$payload/etc/davit/conf.d/guest.conf"
cp "$here/inside/run.sh" "$payload/guest-test/run"
cp "$here/inside/tap.sh" "$here/inside/scopes.sh" "$payload/guest-test/"
printf %s "${DAVIT_GUEST_ONLY:-}" >"$payload/guest-test/only"
chmod 755 "$payload/guest-test/run"
"$top/scripts/busybox-image.sh" "$payload/guest-test/demo.tar" demo:1
tar -C "$payload" -cf "$work/payload.tar" --owner=0 --group=0 usr etc guest-test
"$here/boot.sh" "$work/payload.tar" "${1:-800}"
