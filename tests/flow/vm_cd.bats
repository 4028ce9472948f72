#!/usr/bin/env bats
# The CDs that a virtual machine reads its files from, as davit-unpack --iso writes them. Root only.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    export UNPACK=$STAGE/usr/libexec/davit/davit-unpack
}

teardown_file() {
    rm -rf "$DIR"
}

setup() {
    flow_test
}

iso() { # LABEL: the tar is standard input
    "$UNPACK" --iso "$1" "$OUT/cd.iso"
}

nothing_is_left() {
    [ -z "$(find "$OUT" -name 'cd.iso*')" ]
}

@test "a CD has what the tar has, under names of each kind" {
    mkdir -p "$OUT/files/deep/er"
    printf '#cloud-config\n' >"$OUT/files/user-data"
    printf 'instance-id: i\n' >"$OUT/files/meta-data"
    head -c 100000 /dev/urandom >"$OUT/files/deep/er/A-very-long-name.of_a.file.that.ISO-9660-does-not-know"
    : >"$OUT/files/empty"
    echo umlaut >"$OUT/files/grüße"
    chmod 400 "$OUT/files/user-data"
    tar --format=ustar -C "$OUT/files" -cf - . | iso cidata
    [ "$(blkid -o value -s LABEL "$OUT/cd.iso")" = cidata ]
    [ "$(stat -c '%a %u' "$OUT/cd.iso")" = "600 0" ]
    [ -z "$(find "$OUT" -name 'cd.iso?*')" ]
    xorriso -osirrox on -indev "$OUT/cd.iso" -extract / "$OUT/back" >/dev/null 2>&1
    diff -r "$OUT/files" "$OUT/back"
    [ "$(stat -c %a "$OUT/back/user-data")" = 400 ]
    isoinfo -J -f -i "$OUT/cd.iso" | grep -qx "/deep/er/A-very-long-name.of_a.file.that.ISO-9660-does-not-know"
    isoinfo -J -x /user-data -i "$OUT/cd.iso" | grep -qx '#cloud-config'
    isoinfo -R -f -i "$OUT/cd.iso" | grep -qx "/grüße"
}

@test "an older CD is replaced whole" {
    echo old >"$OUT/cd.iso"
    tar -C "$OUT" -cf - --files-from /dev/null | iso empty
    [ "$(blkid -o value -s LABEL "$OUT/cd.iso")" = empty ]
    run -1 iso cidata <"$UNPACK"
    [ "$(blkid -o value -s LABEL "$OUT/cd.iso")" = empty ]
}

@test "a hostile tar becomes no CD" {
    local name words
    while read -r name words; do
        run -1 iso cidata < <("$TOP/tests/flow/iso_hostile.py" "$name")
        contains "$words"
        nothing_is_left
    done <<'CASES'
up leads out of the CD
inner leads out of the CD
absolute is an absolute path
symlink it is a link
hardlink it is a link
device neither a file nor a folder
fifo neither a file nor a folder
large more than 33554432 bytes
sum more than 33554432 bytes
many more than 4096 files
cut reading the tar
garbage reading the tar
CASES
    run -1 iso 'bad/label' </dev/null
    contains "the label is none"
    run -1 iso "$(printf 'a%.0s' {1..33})" </dev/null
    run -2 "$UNPACK" --iso cidata
    run -1 "$UNPACK" --iso cidata "$OUT/absent/cd.iso" </dev/null
}
