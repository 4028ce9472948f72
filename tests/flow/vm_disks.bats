#!/usr/bin/env bats
# Disks of virtual machines: where they come from, what is kept of them, and what is not believed of them.

bats_require_minimum_version 1.5.0
load davitd
load vm

setup_file() {
    vm_start
    mkdir "$DIR/www"
    local folder
    folder=$("$TOP/scripts/vm-image.sh" tiny)
    gzip -1c "$folder/disk.qcow2" >"$DIR/www/disk.qcow2.gz"
    (cd "$DIR/www" && exec python3 -u -m http.server --bind 127.0.0.1 0) </dev/null >"$DIR/www.log" 2>&1 3>&- &
    echo $! >"$DIR/www.pid"
    within 10 grep -q 'port [0-9]' "$DIR/www.log"
    export WWW_PORT=$(grep -o 'port [0-9]*' "$DIR/www.log" | cut -d' ' -f2)
}

teardown_file() {
    kill "$(cat "$DIR/www.pid")"
    flow_end
}

setup() {
    . "$TOP/scripts/image-lib.sh"
    flow_test
}

# The disks that it sees: size in MiB, and serial number, which is the volume's name.
seen='for disk in /sys/block/vd*; do echo DISK $(cat $disk/serial) $(($(cat $disk/size) / 2048)); done; echo SEEN'

# A jq program: a disk of this volume, with its name as serial number
disk() { # NAME JSON
    echo ".spec.template.spec |= (.volumes += [{name: \"$1\"} + $2] | .domain.devices.disks += [{name: \"$1\", serial: \"$1\", disk: {bus: \"virtio\"}}])"
}

@test "an HTTP source, compressed and checked, and one of a registry, both larger than they came" {
    local sum
    sum=$(sha256sum "$DIR/www/disk.qcow2.gz" | cut -d' ' -f1)
    put_vm http "$(seed "#!/bin/sh
$seen") | .spec.dataVolumeTemplates = [{metadata: {name: \"web\"}, spec: {storage: {resources: {requests: {storage: \"128Mi\"}}},
            source: {http: {url: \"http://127.0.0.1:$WWW_PORT/disk.qcow2.gz\", checksum: \"sha256:$sum\"}}}},
            {metadata: {name: \"oci\"}, spec: {pvc: {resources: {requests: {storage: \"160Mi\"}}}, source: {registry: {url: \"docker://tiny:1\"}}}}] |
        .spec.template.spec |= (.volumes[0] = {name: \"root\", dataVolume: {name: \"web\"}} | .domain.devices.disks[0].serial = \"root\") |
        $(disk second '{dataVolume: {name: "oci"}}')"
    guest_says http '^SEEN$'
    guest_says http '^BOOTS 1$' 5
    guest_says http '^DISK root 128$' 5
    guest_says http '^DISK second 160$' 5
    drop_vm http
}

@test "an HTTP source with another checksum is never started" {
    put_vm wrong ".spec.dataVolumeTemplates = [{metadata: {name: \"web\"}, spec: {source: {http: {
            url: \"http://127.0.0.1:$WWW_PORT/disk.qcow2.gz\", checksum: \"sha256:$(printf '%064d' 0)\"}}}}] |
        .spec.template.spec.volumes[0] = {name: \"root\", dataVolume: {name: \"web\"}}"
    vm_status wrong '[.status | .. | .reason? // empty] | any(. == "ErrImagePull" or . == "ImagePullBackOff")' 60
    [ -z "$(qemu_of wrong)" ]
    drop_vm wrong
}

@test "blank, emptyDisk, a claim and a host's disk, each as large as it should be" {
    mkdir -p "$OUT/disks"
    jq -nc '{apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: {name: "hist"},
        spec: {accessModes: ["ReadWriteOnce"], resources: {requests: {storage: "48Mi"}}}}' |
        publish "$T/desired/default/persistentvolumeclaims/hist"
    many="$(seed "#!/bin/sh
$seen
for disk in /sys/block/vd*; do
    case \$(cat \$disk/serial) in
    claim) echo BEFORE \$(head -c 64 /dev/\${disk##*/} | tr -d '\\0' | head -n 1); echo mark $MARK >/dev/\${disk##*/} ;;
    host) echo mark $MARK >/dev/\${disk##*/} ;;
    esac
done
sync
echo WRITTEN") | .spec.dataVolumeTemplates = [{metadata: {name: \"b\"}, spec: {storage: {resources: {requests: {storage: \"16Mi\"}}}, source: {blank: {}}}}] |
        $(disk blank '{dataVolume: {name: "b"}}') | $(disk empty '{emptyDisk: {capacity: "24Mi"}}') |
        $(disk claim '{persistentVolumeClaim: {claimName: "hist"}}') |
        $(disk host "{hostDisk: {path: \"$OUT/disks/host.img\", type: \"DiskOrCreate\", capacity: \"32Mi\"}}")"
    put_vm many "$many"
    guest_says many '^WRITTEN$'
    guest_says many '^DISK blank 16$' 5
    guest_says many '^DISK empty 24$' 5
    guest_says many '^DISK claim 48$' 5
    guest_says many '^DISK host 32$' 5
    [ "$(head -c "$((5 + ${#MARK}))" "$OUT/disks/host.img")" = "mark $MARK" ]
    drop_vm many
    # The machine's own disks went with it; the claim is the plant's.
    [ ! -e "$N/state/libvirt/disks/default.many" ]
    put_vm many "$many"
    guest_says many "^BEFORE mark $MARK$"
    drop_vm many
}

@test "a ConfigMap and a Secret are disks with their files" {
    jq -nc '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "plant"}, data: {line: "A7"}}' | publish "$T/desired/default/configmaps/plant"
    jq -nc '{apiVersion: "v1", kind: "Secret", metadata: {name: "key"}, stringData: {pin: "1234"}}' | publish "$T/desired/default/secrets/key"
    put_vm files "$(seed '#!/bin/sh
mkdir /tmp/c /tmp/s
for disk in /sys/block/vd*; do
    case $(cat $disk/serial) in
    conf) mount -t iso9660 -o ro /dev/${disk##*/} /tmp/c ;;
    sec) mount -t iso9660 -o ro /dev/${disk##*/} /tmp/s ;;
    esac
done
echo FILES $(cat /tmp/c/line) $(cat /tmp/s/pin)') | $(disk conf '{configMap: {name: "plant"}}') | $(disk sec '{secret: {secretName: "key"}}')"
    guest_says files '^FILES A7 1234$'
    drop_vm files
}

# image NAME FILE: an image with the file as its disk
image() {
    local work=$OUT/image-$1
    mkdir -p "$work/root/disk"
    cp "$2" "$work/root/disk/disk.img"
    archive_image "$work" "$work/root" "$work.tar" "$1:1"
    node davit image import "$work.tar"
}

# refused NAME FILE: no QEMU ever sees it
refused() {
    image "$1" "$2"
    put_vm "$1" '.spec.template.spec.volumes[0].containerDisk.image = "'"$1"':1"'
    vm_status "$1" '[.status | .. | .reason? // empty] | index("InvalidImage") != null' 30
    [ -z "$(qemu_of "$1")" ]
    run -0 vm_said "$1" '[.status | .. | .message? // empty] | join(" ")'
    [[ $output != *root:x:* ]]
    drop_vm "$1"
}

@test "hostile disks: each is refused with a reason, and no file of the host is read" {
    cd "$OUT"
    qemu-img create -q -f qcow2 -F raw -b /etc/passwd backing.qcow2
    qemu-img create -q -f qcow2 -o data_file="$OUT/outside.raw" data.qcow2 1M
    qemu-img create -q -f qcow2 absurd.qcow2 1P
    qemu-img create -q -f qcow2 luks.qcow2 1M # the header's crypt_method becomes LUKS
    printf '\0\0\0\2' | dd of=luks.qcow2 bs=1 seek=32 conv=notrunc status=none
    qemu-img create -q -f qcow2 whole.qcow2 64M
    head -c 100 whole.qcow2 >header.qcow2
    head -c 131072 whole.qcow2 >tables.qcow2
    local name
    for name in backing data absurd luks header tables; do
        refused "$name" "$name.qcow2"
    done
}

@test "a snapshot of a machine that is off, and one of a machine that runs, are gone back to" {
    put_vm past
    guest_says past '^BOOTS 1$'
    vm_running past
    guest_says past '^READY$'
    node davit snapshot vm/past running
    node davit stop vm/past
    vm_state past '.state == "Stopped"'
    node davit snapshot vm/past off
    run -0 node davit snapshot vm/past --list
    contains running
    contains off
    node davit start vm/past
    guest_says past '^BOOTS 2$'
    node davit restart vm/past
    guest_says past '^BOOTS 3$'
    # What it counts begins again where the snapshot was taken.
    guest_says_next past '^BOOTS 2$' node davit rollback vm/past off
    node davit snapshot vm/past --delete off
    run -0 node davit snapshot vm/past --list
    [[ $output != *off* ]]
    guest_says_next past '^BOOTS 2$' node davit rollback vm/past running
    drop_vm past
}
