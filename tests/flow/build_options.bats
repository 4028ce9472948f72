#!/usr/bin/env bats
# A device without virtual machines needs nothing of libvirt: neither to build, nor to install, nor to run.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export TOP=$PWD STAGE=${DAVIT_STAGE:-$PWD/build/stage}
    export DIR=$(mktemp -d)
}

teardown_file() {
    rm -rf "$DIR"
}

# What of a staged install wants a library of libvirt's, by the dynamic linker's own list.
wants_libvirt() { # STAGE
    local file
    while read -r file; do
        ! readelf -d "$file" 2>/dev/null | grep -q 'NEEDED.*libvirt' || echo "${file#"$1"/}"
    done < <(find "$1" -type f)
}

@test "--without-libvirt builds where there is no header of libvirt, and no plugin comes of it" {
    mkdir "$DIR/empty" "$DIR/pc"
    # A machine without libvirt-dev: neither its headers nor what pkg-config knows of it.
    CFLAGS='-O0' unshare -m sh -c 'mount --bind "$1/empty" /usr/include/libvirt &&
        for file in /usr/lib/*/pkgconfig/libvirt*.pc; do mount --bind /dev/null "$file" || exit 1; done &&
        exec "$2/scripts/build.sh" --dir "$1/b" --without-libvirt' - "$DIR" "$TOP"
    [ -x "$DIR/b/stage/usr/sbin/davitd" ]
    [ -e "$DIR/b/stage/usr/lib/davit/crun.so" ]
    [ ! -e "$DIR/b/stage/usr/lib/davit/libvirt.so" ]
    [ -z "$(wants_libvirt "$DIR/b/stage")" ]
}

@test "of an install with virtual machines only the plugin needs libvirt" {
    [ "$(wants_libvirt "$STAGE")" = usr/lib/davit/libvirt.so ]
}

@test "the plugin is a package of its own" {
    DAVIT_STAGE=$STAGE "$TOP/scripts/deb.sh" "$DIR/out"
    dpkg-deb -c "$DIR"/out/davit_*.deb >"$DIR/davit"
    dpkg-deb -c "$DIR"/out/davit-libvirt_*.deb >"$DIR/libvirt"
    grep -q usr/sbin/davitd "$DIR/davit"
    run ! grep -q libvirt "$DIR/davit"
    [ "$(grep -c '^-' "$DIR/libvirt")" = 1 ]
    grep -q usr/lib/davit/libvirt.so "$DIR/libvirt"
    run ! grep -qE "libvirt|qemu" <(dpkg-deb -f "$DIR"/out/davit_*.deb Depends)
    dpkg-deb -f "$DIR"/out/davit-libvirt_*.deb Depends | grep -q 'davit (= .*libvirt0'
}
