#!/bin/sh
# Makes a small container image from Debian's busybox-static: a docker-archive, by tar and sha256sum alone.
#
#   scripts/busybox-image.sh OUT.tar REFERENCE [WORD...]
#
# WORDs are the image's command (default: sh). The same arguments give the same bytes, so the same image id.
set -eu
export LC_ALL=C

[ $# -ge 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
out=$1
reference=$2
shift 2
[ $# -gt 0 ] || set -- sh

busybox=$(command -v busybox) || { echo "busybox-image.sh: busybox is missing; run: sudo scripts/deps.sh run" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Every word as a JSON string.
json_words() {
    separator=
    for word in "$@"; do
        printf '%s"%s"' "$separator" "$(printf '%s' "$word" | sed 's/\\/\\\\/g; s/"/\\"/g')"
        separator=,
    done
}

pack() {
    tar -C "$1" -cf "$2" --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner .
}

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

mkdir "$work/image"
pack "$root" "$work/layer.tar"
layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
mkdir "$work/image/$layer"
mv "$work/layer.tar" "$work/image/$layer/layer.tar"

case $(uname -m) in
x86_64) architecture=amd64 ;;
aarch64) architecture=arm64 ;;
armv7* | armhf) architecture=arm ;;
*) architecture=$(uname -m) ;;
esac
printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Cmd":[%s],"Env":["PATH=/bin:/usr/bin"],"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"busybox-image.sh"}]}' \
    "$architecture" "$(json_words "$@")" "$layer" >"$work/config.json"
config=$(sha256sum "$work/config.json" | cut -d' ' -f1)
mv "$work/config.json" "$work/image/$config.json"
printf '[{"Config":"%s.json","RepoTags":[%s],"Layers":["%s/layer.tar"]}]\n' \
    "$config" "$(json_words "$reference")" "$layer" >"$work/image/manifest.json"
pack "$work/image" "$out"
