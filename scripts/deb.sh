#!/bin/bash
# Debian packages from the staged install: davit, and davit-libvirt with what only virtual machines need.
#
#   scripts/deb.sh [OUTDIR]        prints their paths; default: build/
#
# DAVIT_STAGE names another staged install than build/stage. A build without libvirt makes the first one only.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
stage=${DAVIT_STAGE:-$here/build/stage}
out=${1:-$here/build}
plugin=usr/lib/davit/libvirt.so
[ -x "$stage/usr/sbin/davitd" ] || { echo "deb.sh: nothing is staged in $stage; run: scripts/build.sh" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$("$stage/usr/bin/davit" version --client | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)

list() { # GROUP...: its packages as control files have them
    "$here/scripts/deps.sh" --list "$@" | paste -sd, | sed 's/,/, /g'
}

# pack NAME DEPENDS SUMMARY: the folder of that name
pack() {
    local root=$work/$1
    mkdir -p "$root/DEBIAN"
    find "$root/usr" -type f \( -perm -100 -o -name '*.so' \) -exec strip --strip-unneeded {} + 2>/dev/null || true
    cat >"$root/DEBIAN/control" <<CONTROL
Package: $1
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: Davit maintainers <maintainers@davit.invalid>
Depends: $2
Section: admin
Priority: optional
Description: $3
CONTROL
    [ ! -d "$root/etc" ] || (cd "$root" && find etc -type f -printf '/%p\n' >DEBIAN/conffiles)
    dpkg-deb --root-owner-group -b "$root" "$out/$1_${version}_$(dpkg --print-architecture).deb" >/dev/null
    echo "$out/$1_${version}_$(dpkg --print-architecture).deb"
}

mkdir -p "$out" "$work/davit"
cp -a "$stage/." "$work/davit/"
rm -f "$work/davit/$plugin"
pack davit "$(list run)" "containers from an MQTT topic tree"
if [ -e "$stage/$plugin" ]; then
    mkdir -p "$work/davit-libvirt/$(dirname "$plugin")"
    cp "$stage/$plugin" "$work/davit-libvirt/$plugin"
    pack davit-libvirt "davit (= $version), $(list vm)" "virtual machines for davit, by libvirt and QEMU"
fi
