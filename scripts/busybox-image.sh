#!/bin/sh
# Makes a small container image from Debian's busybox-static: a docker-archive, by tar and sha256sum alone.
#
#   scripts/busybox-image.sh OUT.tar REFERENCE [WORD...]
#
# WORDs are the image's command (default: sh). The same arguments give the same bytes, so the same image id.
set -eu
export LC_ALL=C
. "$(dirname "$0")/image-lib.sh"

[ $# -ge 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
out=$1
reference=$2
shift 2
[ $# -gt 0 ] || set -- sh

busybox=$(command -v busybox) || { echo "busybox-image.sh: busybox is missing; run: sudo scripts/deps.sh run" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

root=$work/root
for folder in bin dev etc home proc root run sys tmp usr/bin var www; do
    mkdir -p "$root/$folder"
done
chmod 1777 "$root/tmp"
chmod 700 "$root/root"
cp "$busybox" "$root/bin/busybox"
chmod 755 "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
    [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"

archive_image "$work" "$root" "$out" "$reference" "$@"
