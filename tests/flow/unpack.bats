#!/usr/bin/env bats
# davit-unpack with archives as skopeo and umoci make them, and with hostile ones. DAVIT_BUILD names the build folder
# (default: build beside the sources). Root, for it keeps owners and mounts an overlay to look at the result.

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export BUILD="${DAVIT_BUILD:-$PWD/build}"
    export UNPACK="$BUILD/davit-unpack" DRIVE="$BUILD/unpackdrive"
    export IMAGES="$BATS_TEST_DIRNAME/unpack_images.py"
    [ -x "$UNPACK" ] || { echo "no $UNPACK: build it, or set DAVIT_BUILD" >&2; return 1; }
    [ -x "$DRIVE" ] || make -C "$BUILD" unpackdrive >&2 || return 1
    export DIR="$(mktemp -d)"
    mkdir "$DIR/cases" "$DIR/outside"
    echo secret > "$DIR/outside/secret"
    setfattr_ "$DIR/outside/secret" user.note original
    OUTSIDE="$DIR/outside" /usr/bin/python3 -B "$IMAGES" make "$DIR/cases"
    good_image
}

teardown_file() {
    rm -rf "$DIR"
}

teardown() {
    ! mountpoint -q "$DIR/merged" || umount "$DIR/merged"
}

setfattr_() {
    /usr/bin/python3 -c 'import os,sys; os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())' "$@"
}

tree_hash() {
    /usr/bin/python3 -B "$IMAGES" hash "$1"
}

# The same image as an OCI archive and as a docker archive: three layers, with all that a layer can say.
good_image() {
    cd "$DIR" || return 1
    umoci init --layout oci
    umoci new --image oci:good
    umoci unpack --image oci:good bundle
    local root=bundle/rootfs
    mkdir -p $root/{bin,etc,tmp,var/lib/x,usr/lib,opt/old/sub,opt/kept}
    cp /bin/busybox $root/bin/
    ln $root/bin/busybox $root/bin/ls
    ln -s busybox $root/bin/sh
    ln -s usr/lib $root/lib
    chmod 1777 $root/tmp
    install -m 4755 /bin/busybox $root/bin/su
    /usr/bin/python3 -c 'import os,sys; os.setxattr(sys.argv[1], "security.capability",
        bytes.fromhex("0100000200200000000000000000000000000000"))' $root/bin/busybox
    echo hi > $root/etc/motd
    setfattr_ $root/etc/motd user.note 'two
lines'
    touch -d @1234567.25 $root/etc/motd
    chown 1000:1001 $root/var/lib/x
    chmod 2750 $root/var/lib/x
    mkfifo -m 622 $root/var/pipe
    echo o > $root/opt/old/sub/f
    echo g > $root/opt/gone
    echo k > $root/opt/kept/k
    umoci repack --image oci:good bundle
    rm -rf bundle
    umoci unpack --image oci:good bundle
    rm -rf $root/opt/old $root/opt/gone
    mkdir $root/opt/old
    echo new > $root/opt/old/new
    chmod 700 $root/opt/kept
    head -c 3000000 /dev/urandom > $root/var/random
    umoci repack --image oci:good bundle
    rm -rf bundle
    umoci unpack --image oci:good bundle
    rm $root/opt/old/new $root/bin/su
    ln -s /nowhere $root/bin/su
    umoci repack --image oci:good bundle
    umoci config --image oci:good --config.cmd /bin/sh --config.env A=b
    rm -rf bundle
    umoci unpack --image oci:good bundle
    skopeo copy -q oci:oci:good oci-archive:good-oci.tar:demo:1
    skopeo copy -q oci:oci:good docker-archive:good-docker.tar:demo:1
}

# unpack ARCHIVE [OPTION…]: frames in $output, folders in $DIR/staging.
unpack() {
    rm -rf "$DIR/staging"
    mkdir -m 700 "$DIR/staging"
    run "$DRIVE" "$UNPACK" "$DIR/staging" "$@"
}

# field JSON-LINE-PATTERN KEY: of the first frame whose op is the pattern.
field() {
    grep "\"op\":\"$1\"" <<< "$output" | head -n 1 |
        /usr/bin/python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())[sys.argv[1]])' "$2"
}

last_op() {
    grep '"op"' <<< "$output" | tail -n 1
}

# Mounts what `image` says, as a container would see it.
merge() {
    local lower
    lower=$(/usr/bin/python3 - "$DIR/staging" "$output" <<'PY'
import json, sys
frames = [json.loads(line) for line in sys.argv[2].splitlines() if line.startswith("{")]
folder = {f["diffId"]: f["dir"] for f in frames if f["op"] == "layer"}
image = next(f for f in frames if f["op"] == "image")
print(":".join(sys.argv[1] + "/" + folder[d] for d in reversed(image["layers"])))
PY
)
    mkdir -p "$DIR/merged" "$DIR/none"
    case $lower in *:*) ;; *) lower="$lower:$DIR/none" ;; esac
    mount -t overlay overlay -o "ro,userxattr,lowerdir=$lower" "$DIR/merged"
}

# All cases of a group: refused with the reason, or unpacked where they may be; and nothing else has changed.
hold() {
    local outside base archive name reason says failed=0 count=0
    outside=$(tree_hash "$DIR/outside")
    for archive in "$DIR/cases/$1".*.tar; do
        name=$(basename "$archive" .tar)
        { read -r reason; read -r says; } < "${archive%.tar}.expect"
        case $reason in done) ;; *) reason="\"reason\":\"$reason\"" ;; esac
        unpack "$archive"
        count=$((count + 1))
        [ "$(tree_hash "$DIR/outside")" = "$outside" ] || { echo "$name: changed what is outside"; failed=1; }
        [ ! -e "$DIR/evil" ] || { echo "$name: wrote beside its folder"; failed=1; }
        if [ -e "$DIR/staging/0/srv/keep" ]; then
            base=${base:-$(tree_hash "$DIR/staging/0")}
            grep -q '"dir":"0"' <<< "$output" && [ "$(tree_hash "$DIR/staging/0")" != "$base" ] &&
                { echo "$name: changed the layer below"; failed=1; }
        fi
        if [ -n "$(find "$DIR/staging" -mindepth 1 -maxdepth 1 ! -name '[0-9]' ! -name '[0-9][0-9]*')" ]; then
            echo "$name: left something beside the layers"; failed=1
        fi
        case $reason in
        done) [ "$status" -eq 0 ] && [ "$(last_op)" = '{"op":"done"}' ] && continue ;;
        *) [ "$status" -eq 1 ] && grep -F -- "$reason" <<< "$(last_op)" | grep -qF -- "$says" && continue ;;
        esac
        echo "$name: expected $reason '$says', got ($status) $output"
        failed=1
    done
    [ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
}

@test "links and hardlinks lead nowhere but inside the layer" {
    hold links
}

@test "a link to a folder outside is followed inside the image's root" {
    unpack "$DIR/cases/links.parent_is_an_absolute_link.tar"
    [ "$(cat "$DIR/staging/1$DIR/outside/evil")" = evil ]
    unpack "$DIR/cases/links.parent_is_a_link_of_the_layer_below.tar"
    [ "$(cat "$DIR/staging/1$DIR/outside/evil")" = evil ]
    [ ! -e "$DIR/staging/1/escape" ] && [ ! -e "$DIR/staging/1/up" ]
    unpack "$DIR/cases/links.parent_is_a_link_in_a_folder.tar"
    [ -f "$DIR/staging/1/tmp/a" ] && [ -f "$DIR/staging/1/opt/a/b" ] && [ -f "$DIR/staging/1/opt/c" ]
    [ "$(find "$DIR/staging/1/srv" -mindepth 1 ! -type l | wc -l)" -eq 0 ]
    unpack "$DIR/cases/links.link_takes_the_place_of_a_parent_of_itself.tar"
    [ -f "$DIR/staging/1/x" ] && [ -f "$DIR/staging/1/l/y" ]
    unpack "$DIR/cases/links.hardlink_to_a_link_is_written.tar"
    [ -L "$DIR/staging/1/s" ] && [ ! -L "$DIR/staging/1/h" ] && [ "$(cat "$DIR/staging/1/h")" = evil ]
}

@test "paths that climb, are too long or too deep are refused, others are rooted" {
    hold paths
}

@test "file names are kept byte for byte" {
    unpack "$DIR/cases/paths.names_of_odd_bytes.tar"
    [ "$status" -eq 0 ]
    [ -e "$DIR/staging/1/$(printf 'e\xcc\x81 decomposed')" ]
    [ -e "$DIR/staging/1/$(printf '\xe9 latin-1')" ]
    [ -e "$DIR/staging/1/$(printf 'new\nline')" ]
    [ -e "$DIR/staging/1/back\\slash" ]
    unpack "$DIR/cases/paths.the_same_file_three_times.tar"
    [ "$(cat "$DIR/staging/1/a")" = 333 ]
}

@test "devices, and links where a runtime mounts, are refused" {
    hold devices
}

@test "whiteout tricks are refused or harmless" {
    hold whiteouts
}

@test "an image cannot steer overlayfs or the host by xattrs" {
    unpack "$DIR/cases/whiteouts.xattrs_that_steer_overlayfs.tar"
    run /usr/bin/python3 -c 'import os,sys; print(*[os.listxattr(p) for p in sys.argv[1:]])' \
        "$DIR/staging/1/srv" "$DIR/staging/1/srv/f"
    [ "$output" = "['user.kept'] ['user.kept']" ]
}

@test "bombs are stopped at a cap" {
    hold bombs
}

@test "headers that say a thing twice, or too much, lead nowhere" {
    hold headers
}

@test "what stands there already is replaced inside the layer" {
    hold places
}

@test "wrong digests, sizes and documents are refused" {
    hold digests
}

@test "what a layer may say is done" {
    hold good
}

@test "layers from a pipe, as a pull has them, end as they do in an archive" {
    mkdir -p "$DIR/piped"
    run /usr/bin/python3 -B "$BATS_TEST_DIRNAME/unpack_layers.py" "$UNPACK" "$DIR/cases" "$DIR/piped"
    grep '^not ok' <<<"$output" || true
    echo "${lines[-1]}"
    [ "$status" -eq 0 ]
    [[ "${lines[-1]}" =~ ^#\ ([0-9]+)\ layers$ ]]
    [ "${BASH_REMATCH[1]}" -ge 40 ]
}

@test "the request's own caps hold" {
    unpack "$DIR/good-oci.tar" --max-entries 10
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'"TooLarge"'*'more than 10 entries'* ]]
    unpack "$DIR/good-oci.tar" --max-bytes 5000000
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'"TooLarge"'*'unpacks to more than'* ]]
    unpack "$DIR/good-oci.tar" --max-bytes 50000000 --max-entries 1000
    [ "$status" -eq 0 ]
    # What no entry names counts too; 15 of them are the lower layer's.
    unpack "$DIR/cases/folders.that_no_entry_names.tar" --max-entries 6000
    [ "$status" -eq 0 ]
    unpack "$DIR/cases/folders.that_no_entry_names.tar" --max-entries 4000
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'"TooLarge"'*'more than 3985 entries'* ]]
}

@test "an image of skopeo's and umoci's is what umoci unpacks, file for file" {
    local kind
    for kind in oci docker; do
        unpack "$DIR/good-$kind.tar"
        [ "$status" -eq 0 ]
        [ "$(grep -c '"op":"layer"' <<< "$output")" -eq 3 ]
        [[ "$(field image references)" == *demo:1* ]]
        [[ "$(field image config)" == *"'Cmd': ['/bin/sh']"*"'architecture'"* ]]
        [ "$(field image id)" = "$(skopeo inspect --raw "oci:$DIR/oci:good" |
            /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["config"]["digest"])')" ]
        merge
        /usr/bin/python3 -B "$IMAGES" same "$DIR/bundle/rootfs" "$DIR/merged"
        umount "$DIR/merged"
    done
}

@test "the manifest's digest and the layers' are those of the registry" {
    unpack "$DIR/good-oci.tar"
    local digest
    digest=$(skopeo inspect --raw "oci-archive:$DIR/good-oci.tar" | sha256sum | cut -d' ' -f1)
    [ "$(field image manifest)" = "sha256:$digest" ]
    while read -r digest; do
        [ -e "$DIR/oci/blobs/sha256/$digest" ]
    done < <(grep '"op":"layer"' <<< "$output" | grep -o '"digest":"sha256:[0-9a-f]*' | cut -d: -f3)
}

@test "everything that a tar can say arrives" {
    unpack "$DIR/cases/good.one_of_everything.tar"
    [ "$status" -eq 0 ]
    local layer="$DIR/staging/1"
    [ "$(stat -c '%a %u %g %Y' "$layer/srv/sub")" = "750 1000 1001 1234567890" ]
    [ "$(stat -c '%a %h' "$layer/srv/sub/f")" = "4755 2" ]
    [ "$(stat -c %y "$layer/nanosecond" | cut -c21-23)" = 250 ]
    [ "$(stat -c %s "$layer/sparse")" = 2097152 ] && [ "$(stat -c %b "$layer/sparse")" -lt 64 ]
    [ "$(tail -c 1048576 "$layer/sparse" | head -c 512)" = "$(head -c 512 /dev/zero | tr '\0' B)" ]
    [ "$(readlink "$layer/absolute")" = /etc/motd ]
    [ -p "$layer/pipe" ] && [ "$(stat -c %a "$layer/pipe")" = 622 ]
    [ ! -e "$layer/.wh..wh.plnk" ]
}

@test "a parent that the layer leaves out is as in the layer below" {
    unpack "$DIR/cases/good.one_of_everything.tar"
    local layer="$DIR/staging/1"
    [ "$(stat -c %a "$layer/tmp")" = 1777 ] && [ "$(stat -c %a "$layer/tmp/deep")" = 755 ]
    [ "$(stat -c '%a %u %g' "$layer/srv")" = "2751 7 8" ]
    [ "$(stat -c %Y "$layer/srv")" = 1000000000 ]
    [ "$(stat -c %g "$layer/srv/sub/f")" = 0 ]
    [ -f "$layer/usr/lib/libc.so" ] && [ ! -e "$layer/lib" ]
    unpack "$DIR/cases/good.parents_hidden_from_above.tar"
    # What a layer in between has hidden gives no attributes.
    [ "$(stat -c %a "$DIR/staging/2/one")" = 700 ] && [ "$(stat -c %a "$DIR/staging/2/one/a")" = 755 ]
    [ "$(stat -c %a "$DIR/staging/2/two")" = 755 ] && [ "$(stat -c %a "$DIR/staging/3/three/a")" = 755 ]
}

@test "whiteouts hide what is below, and nothing of their own layer" {
    unpack "$DIR/cases/good.one_of_everything.tar"
    merge
    [ ! -e "$DIR/merged/srv/old" ] && [ -e "$DIR/merged/srv/keep" ]
    [ "$(ls "$DIR/merged/opt/a")" = new ]
    [ "$(cat "$DIR/merged/before/f")" = f ]
    umount "$DIR/merged"
    unpack "$DIR/cases/good.whiteouts_first.tar"
    merge
    [ "$(ls "$DIR/merged/opt")" = b ]
    [ "$(cat "$DIR/merged/srv/old")" = again ]
    [ "$(ls "$DIR/merged/usr")" = implied ]
}

@test "a layer that is used twice is unpacked once" {
    unpack "$DIR/cases/good.layer_twice.tar"
    [ "$(grep -c '"op":"layer"' <<< "$output")" -eq 2 ]
    merge
    umount "$DIR/merged"
    unpack "$DIR/cases/good.two_images_with_a_layer_in_common.tar"
    [ "$(grep -c '"op":"layer"' <<< "$output")" -eq 3 ]
    [ "$(grep -c '"op":"image"' <<< "$output")" -eq 2 ]
    grep -q '"references":\["docker.io/library/one:1","one:again"\]' <<< "$output"
}

@test "of an index, the image for this machine is taken" {
    unpack "$DIR/cases/good.index_of_platforms.tar"
    [ "$(cat "$DIR/staging/0/arch")" = mine ]
    [ "$(field image references)" = "['multi:1']" ]
}

@test "an older docker archive has its names, as far as they are valid" {
    unpack "$DIR/cases/good.docker_archive_of_old.tar"
    [ "$(field image references)" = "['old:1', 'old:2']" ]
}

@test "a full disk is said, and nothing is reported" {
    rm -rf "$DIR/staging" && mkdir "$DIR/staging"
    mount -t tmpfs -o size=1m tmpfs "$DIR/staging"
    run "$DRIVE" "$UNPACK" "$DIR/staging" "$DIR/good-oci.tar"
    umount "$DIR/staging"
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'"NoSpace"'* ]] && [[ "$output" != *'"op":"layer"'* ]]
}

@test "a pipe is refused with what to do" {
    rm -rf "$DIR/staging" && mkdir "$DIR/staging"
    mkfifo "$DIR/fifo"
    cat "$DIR/good-oci.tar" > "$DIR/fifo" &
    run "$DRIVE" "$UNPACK" "$DIR/staging" "$DIR/fifo"
    wait || true
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *Unsupported*'put it into a file'* ]]
}

# The good image as a layout's folder; its largest file, a layer, is $blob.
folder_with_blob() {
    rm -rf "$DIR/folder"
    mkdir "$DIR/folder"
    tar -C "$DIR/folder" -xf "$DIR/good-oci.tar"
    blob=$(find "$DIR/folder/blobs" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
}

@test "in a layout's folder only files are read: no link, no FIFO, no device" {
    local blob
    folder_with_blob
    unpack "$DIR/folder"
    [ "$status" -eq 0 ]
    mv "$blob" "$DIR/outside.blob"
    unpack "$DIR/folder"
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'"MissingBlob"'* ]]
    ln -s "$DIR/outside.blob" "$blob"
    unpack "$DIR/folder"
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'"MissingBlob"'* ]]
    rm "$blob" && mkfifo "$blob"
    unpack "$DIR/folder"
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'"MissingBlob"'* ]]
    rm "$blob" && ln "$DIR/outside.blob" "$blob"
    unpack "$DIR/folder"
    [ "$status" -eq 0 ]
    mv "$DIR/folder/blobs/sha256" "$DIR/moved" && ln -s "$DIR/moved" "$DIR/folder/blobs/sha256"
    unpack "$DIR/folder"
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'no folder of an OCI layout'* ]]
    rm -r "$DIR/moved"
}

@test "in a layout's folder a blob of other bytes, or another length, is refused" {
    local blob
    folder_with_blob
    printf x | dd of="$blob" bs=1 seek=2000 conv=notrunc status=none
    unpack "$DIR/folder"
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'"DigestMismatch"'* ]]
    echo >> "$blob"
    unpack "$DIR/folder"
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *'"DigestMismatch"'*'bytes instead of'* ]]
}

@test "a staging folder that is a link is refused" {
    rm -rf "$DIR/staging" && mkdir "$DIR/real" && ln -s real "$DIR/staging"
    run "$DRIVE" "$UNPACK" "$DIR/staging" "$DIR/good-oci.tar"
    rm "$DIR/staging"
    [ "$status" -eq 1 ] && [[ "$(last_op)" == *failed* ]] && [ -z "$(ls "$DIR/real")" ]
}

# Lots of it, so that the child is in the middle of it when it is looked at. Stored as it is: 300 MB take their time.
large_image() {
    /usr/bin/python3 - "$DIR/large.tar" <<'PY'
import hashlib, io, json, os, sys, tarfile
def entry(out, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    out.addfile(info, io.BytesIO(data))
def layer(size):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as out:
        entry(out, "f%d" % size, os.urandom(1 << 20) * (size >> 20) if size > 1 else b"x")
    return raw.getvalue()
layers = [layer(1), layer(300 << 20)]
sha = lambda data: hashlib.sha256(data).hexdigest()
arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
config = json.dumps({"architecture": arch, "os": "linux",
                     "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(l) for l in layers]}}).encode()
with tarfile.open(sys.argv[1], "w") as out:
    for data in layers:
        entry(out, sha(data) + ".tar", data)
    entry(out, sha(config) + ".json", config)
    entry(out, "manifest.json", json.dumps([{"Config": sha(config) + ".json", "RepoTags": ["large:1"],
                                             "Layers": [sha(l) + ".tar" for l in layers]}]).encode())
PY
}

@test "while it unpacks it is in its folder, with few capabilities, a filter, and no way to more" {
    large_image
    unpack "$DIR/large.tar" --proc "$DIR/proc"
    [ "$status" -eq 0 ]
    cat "$DIR/proc"
    grep -q "^Root:.$DIR/staging$" "$DIR/proc"
    grep -q '^NoNewPrivs:.1$' "$DIR/proc"
    grep -q '^Seccomp:.2$' "$DIR/proc"
    # chown dac_override fowner fsetid setfcap
    local caps
    for caps in CapEff CapPrm CapBnd; do
        grep -q "^$caps:.000000008000001b$" "$DIR/proc"
    done
    grep -q '^CapInh:.0000000000000000$' "$DIR/proc"
}

@test "memory does not grow with the layer" {
    [ -e "$DIR/large.tar" ] || large_image
    unpack "$DIR/large.tar"
    echo "$output"
    [ "${output##* peak }" -lt 16384 ] || [ -n "$(nm "$UNPACK" 2>/dev/null | grep __asan_init)" ]
}

@test "it ends when its parent is gone" {
    [ -e "$DIR/large.tar" ] || large_image
    unpack "$DIR/large.tar" --hang-up
    [ "$status" -ne 0 ]
    [ ! -s "$DIR/staging/1/f314572800" ] || [ "$(stat -c %s "$DIR/staging/1/f314572800")" -lt 314572800 ]
}

@test "started by hand it says who starts it" {
    run bash -c '"$1" < /dev/null 3< /dev/null' _ "$UNPACK"
    [ "$status" -eq 2 ] && [[ "$output" == *"started by davitd"* ]]
}
