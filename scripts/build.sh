#!/bin/sh
# Configures and builds in build/, and stages an install (prefix /usr) under build/stage. Quick when nothing changed.
#
#   scripts/build.sh [--dir DIR] [option of configure]...
#
# DIR is another build folder (default: build). CFLAGS is honoured (default: -O2 -g). A change of the options configures
# again. --without-libvirt leaves virtual machines out; else they are built where libvirt-dev is.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
dir=build
if [ "${1:-}" = --dir ]; then
    dir=${2:?build.sh: --dir needs a folder}
    shift 2
fi
case $dir in
/*) ;;
*) dir=$here/$dir ;;
esac
CFLAGS=${CFLAGS:--O2 -g}
log=$dir/build.log
jobs=$(nproc 2>/dev/null || echo 1)

for tool in autoreconf make pkg-config "${CC:-gcc}"; do
    if ! command -v "$tool" >/dev/null; then
        echo "build.sh: $tool is missing. Run: sudo scripts/deps.sh build" >&2
        exit 1
    fi
done

mkdir -p "$dir"
# Two at once in one folder would break each other; the second waits.
exec 9>"$dir/.lock"
flock 9

# What a step prints is of interest only when it fails.
step() {
    what=$1
    shift
    if ! "$@" >"$log" 2>&1; then
        echo "build.sh: $what failed; the end of $log:" >&2
        grep -nE '(error|Error|warning:|\*\*\*)' "$log" | tail -n 30 >&2 || true
        tail -n 25 "$log" >&2
        exit 1
    fi
}

cd "$here"
if [ ! -e configure ] || [ ! -e Makefile.in ] || [ -n "$(find configure.ac -newer configure)" ]; then
    step autoreconf autoreconf -fi
fi
cd "$dir"
# A libvirt-dev that was installed since is a change too.
wish=$(printf '%s\n' "CFLAGS=$CFLAGS" "CC=${CC:-}" "libvirt=$(pkg-config --modversion libvirt 2>/dev/null || true)" "$@")
if [ ! -e config.status ] || [ "$(cat .configured 2>/dev/null)" != "$wish" ]; then
    step configure "$here/configure" -q --prefix=/usr --sysconfdir=/etc --localstatedir=/var CFLAGS="$CFLAGS" \
        ${CC:+CC="$CC"} "$@"
    # What was compiled with other options would be taken for built.
    [ ! -e .configured ] || step 'make clean' make clean
    printf '%s\n' "$wish" >.configured
fi
step make make -j"$jobs"
# Staging again costs a second; only what was built or written since needs it. The old stage stays in place, for a node
# may be running from it.
if [ ! -e .staged ] || [ -n "$(find . "$here/conf" "$here/man" -newer .staged -type f \
    ! -name '*.log' ! -name .lock ! -path './stage/*' | head -n 1)" ]; then
    step 'make install' make install DESTDIR="$dir/stage"
    touch .staged
fi
