#!/usr/bin/env bats
# Disks from strangers, end to end: each machine waits and says why, no file of this host is opened by whatever a disk names it,
# and a good disk runs in its place.

bats_require_minimum_version 1.5.0
load davitd
load vm

setup_file() {
    vm_start
    mkdir "$DIR/disks"
    # What the disks name; who so much as opens it is heard.
    echo "root:x:0:0:a file of the host" >"$DIR/passwd"
    chmod 644 "$DIR/passwd"
    (disks_make)
    (cd "$DIR/disks" && exec python3 -u -m http.server --bind 127.0.0.1 0) </dev/null >"$DIR/www.log" 2>&1 3>&- &
    echo $! >"$DIR/www.pid"
    within 10 grep -q 'port [0-9]' "$DIR/www.log"
    export WWW_PORT=$(grep -o 'port [0-9]*' "$DIR/www.log" | cut -d' ' -f2)
    python3 "$BATS_TEST_DIRNAME/file_watch.py" "$DIR/passwd" "$DIR/touched" </dev/null 3>&- &
    echo $! >"$DIR/watch.pid"
    within 5 test -e "$DIR/touched"
}

teardown_file() {
    kill "$(cat "$DIR/www.pid")" "$(cat "$DIR/watch.pid")" || true
    flow_end
}

setup() {
    . "$TOP/scripts/image-lib.sh"
    flow_test
}

disks_make() {
    cd "$DIR/disks" || return
    qemu-img create -q -f qcow2 -u -F raw -b "$DIR/passwd" backing.qcow2 1M
    qemu-img create -q -f qcow2 -o data_file="$DIR/disks/outside.raw" data.qcow2 1M
    # The name lies in an extension of the header, and is as long as the file's own.
    python3 -c '
import sys
disk, wanted = open(sys.argv[1], "r+b"), sys.argv[2].encode()
head = disk.read(65536)
at = head.index(b"outside.raw") + len("outside.raw") - len(sys.argv[3].encode())
assert head[at:at + len(sys.argv[3])] == sys.argv[3].encode()
disk.seek(at)
disk.write(wanted.rjust(len(sys.argv[3]), b"/"))
' data.qcow2 "$DIR/passwd" "$DIR/disks/outside.raw"
    qemu-img create -q -f qcow2 absurd.qcow2 1P
    qemu-img create -q -f qcow2 whole.qcow2 64M
    head -c 131072 whole.qcow2 >truncated.qcow2
}

# image NAME FILE: an image with that as its only disk, a symlink where FILE is one
image() {
    local work=$OUT/image-$1
    mkdir -p "$work/root/disk"
    cp -d "$2" "$work/root/disk/x"
    archive_image "$work" "$work/root" "$work.tar" "$1:1"
    node davit image import "$work.tar"
}

# waits NAME WORD: flat and whole it says that the image is no good, and why; no QEMU ever sees it
waits() {
    vm_state "$1" ".reason == \"InvalidImage\" and (.message | contains(\"$2\"))" 30
    vm_status "$1" "[.status | .. | objects | select(.reason? == \"InvalidImage\") | .message] | any(contains(\"$2\"))" 10
    [ -z "$(qemu_of "$1")" ]
    vm_status "$1" '.status.ready == false and .status.created == false'
}

# never_came NAME CAUSE WORD: Kubernetes' reason for an image that cannot be had, and its cause in the sentence
never_came() {
    vm_state "$1" ".reason | test(\"^(ErrImagePull|ImagePullBackOff)$\")" 30
    vm_status "$1" "[.status | .. | objects | .message? // empty] | any(startswith(\"$2: \") and contains(\"$3\"))" 10
    [ -z "$(qemu_of "$1")" ]
}

untouched() {
    run -0 cat "$DIR/touched"
    [ -z "$output" ] || { echo "it was $output"; return 1; }
}

disk_of() { # IMAGE: a jq program
    echo ".spec.template.spec.volumes[0].containerDisk.image = \"$1\""
}

@test "container disks: a backing file, an external data file, an absurd size, half a file, a symlink" {
    local name
    ln -s "$DIR/passwd" "$OUT/symlink.qcow2"
    for name in backing data absurd truncated symlink; do
        if [ $name = symlink ]; then image $name "$OUT/$name.qcow2"; else image $name "$DIR/disks/$name.qcow2"; fi
        put_vm $name "$(disk_of $name:1)"
    done
    waits backing 'backing file'
    waits data 'external data file'
    waits absurd '1125899906842624 bytes'
    waits truncated 'beyond the end of the file'
    waits symlink 'is no regular file'
    untouched
    run -0 node davit describe vm backing
    contains InvalidImage
    contains 'backing file'
    drop_vm data absurd truncated symlink
}

@test "a good image in its place runs" {
    put_vm backing
    guest_says backing '^BOOTS 1$'
    vm_running backing
    vm_status backing '[.status | .. | objects | .reason? // empty] | index("InvalidImage") == null' 10
    drop_vm backing
    untouched
}

@test "the same by HTTP, whose checksum is right" {
    local name
    for name in backing data absurd truncated; do
        put_vm http-$name ".spec.dataVolumeTemplates = [{metadata: {name: \"web\"}, spec: {source: {http: {
                url: \"http://127.0.0.1:$WWW_PORT/$name.qcow2\", checksum: \"sha256:$(sha256sum <"$DIR/disks/$name.qcow2" | cut -d' ' -f1)\"}}}}] |
            .spec.template.spec.volumes[0] = {name: \"root\", dataVolume: {name: \"web\"}}"
    done
    never_came http-backing InvalidImage 'names a backing file'
    never_came http-data InvalidImage 'names an external data file'
    never_came http-absurd TooLarge '1125899906842624 bytes'
    never_came http-truncated InvalidImage 'truncated'
    untouched
    drop_vm http-backing http-data http-absurd http-truncated
}

# A claim's and a host's disk are raw, whatever stands in them: a guest may write any header to its own disk.
@test "a claim and a host's disk with such a header are raw disks that have it" {
    local folder=$N/state/claims/default/shared
    mkdir -p "$folder"
    cp "$DIR/disks/backing.qcow2" "$folder/disk.img"
    cp "$DIR/disks/data.qcow2" "$OUT/host.img"
    jq -nc '{apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: {name: "shared"},
        spec: {accessModes: ["ReadWriteOnce"], resources: {requests: {storage: "2Mi"}}}}' |
        publish "$T/desired/default/persistentvolumeclaims/shared"
    put_vm raw "$(seed '#!/bin/sh
for disk in /sys/block/vd*; do
    case $(cat $disk/serial) in
    claim | host) echo HEAD $(cat $disk/serial) $(head -c 3 /dev/${disk##*/}) $(grep -c "of the host" /dev/${disk##*/}) ;;
    esac
done
echo LOOKED') | .spec.template.spec |= (.volumes += [{name: \"claim\", persistentVolumeClaim: {claimName: \"shared\"}},
            {name: \"host\", hostDisk: {path: \"$OUT/host.img\", type: \"Disk\"}}] |
        .domain.devices.disks += [{name: \"claim\", serial: \"claim\", disk: {bus: \"virtio\"}}, {name: \"host\", serial: \"host\", disk: {bus: \"virtio\"}}])"
    guest_says raw '^LOOKED$'
    guest_says raw '^HEAD claim QFI 0$' 5
    guest_says raw '^HEAD host QFI 0$' 5
    untouched
    drop_vm raw
}

@test "a host's disk that is a symlink into Davit's own folder is refused" {
    echo secret >"$N/state/secret"
    ln -s "$N/state/secret" "$OUT/link.img"
    put_vm link ".spec.template.spec.volumes[0] = {name: \"root\", hostDisk: {path: \"$OUT/link.img\", type: \"Disk\"}}"
    vm_state link '.state != "Running" and (.message // "" | contains("link.img") and contains("not allowed"))' 30
    [ -z "$(qemu_of link)" ]
    [ "$(cat "$N/state/secret")" = secret ]
    drop_vm link
}

@test "who reads the file is heard: the watch is none that hears nothing" {
    cat "$DIR/passwd"
    within 5 grep -q read "$DIR/touched"
}
