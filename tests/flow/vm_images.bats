#!/usr/bin/env bats
# Disks of virtual machines: from web servers that lie too, from a registry, and from files.

bats_require_minimum_version 1.5.0
load davitd
load registry

setup_file() {
    flow_dir
    registry_dir
    registry_certificates
    registry_start plain
    export WEB=$DIR/web DISKS=$DIR/disks UNPACK=$STAGE/usr/libexec/davit/davit-unpack
    disks_make
    web_start open
    web_start tls --tls "$REG/tls.crt" "$REG/tls.key"
    web_port tls >"$WEB/away"
    conf_write
    flow_node --conf "$DIR/images.conf"
}

teardown_file() {
    local pid
    for pid in "$DIR"/web-*.pid; do
        kill "$(cat "$pid")" 2>/dev/null || true
    done
    registries_end
    flow_end
}

setup() {
    flow_test
}

# But the one that the pods run.
teardown() {
    node davit image ls -o json | jq -r '.items // . | .[].reference | select(. != "demo:1")' >"$OUT/names"
    local name
    while read -r name; do
        node davit image rm "$name" >/dev/null 2>&1 || true
    done <"$OUT/names"
}

# 3 MB of noise in 16 MB, in each shape.
disks_make() {
    local format
    mkdir -p "$WEB" "$DISKS"
    truncate -s 16M "$DISKS/a.img"
    head -c 3000000 /dev/urandom | dd of="$DISKS/a.img" bs=1M seek=5 conv=notrunc status=none
    for format in qcow2 vmdk vhdx; do
        qemu-img convert -O "$format" "$DISKS/a.img" "$DISKS/a.$format"
    done
    qemu-img convert -O vmdk -o subformat=streamOptimized "$DISKS/a.img" "$DISKS/stream.vmdk"
    cp "$DISKS/a.img" "$DISKS/a.qcow2" "$DISKS/a.vmdk" "$WEB/"
    gzip -k "$WEB/a.img"
    xz -k -9 "$WEB/a.img"
    zstd -q "$WEB/a.img"
    gzip -c "$WEB/a.img.xz" >"$WEB/twice.gz"
    (cat "$WEB/a.img.gz" && echo rest) >"$WEB/rest.gz"
    head -c 100000 "$WEB/a.img.gz" >"$WEB/half.gz"
    : >"$WEB/empty"
}

web_start() { # NAME [--tls CRT KEY]
    "$TOP/tests/flow/disk_server.py" "$WEB" "${@:2}" >"$DIR/web-$1.port" 2>"$DIR/web-$1.log" 3>&- &
    echo $! >"$DIR/web-$1.pid"
    disown
    within 10 test -s "$DIR/web-$1.port"
}

web_port() { # NAME
    cat "$DIR/web-$1.port"
}

# The TLS one is known by the test's authority; "localhost" is a name that nobody trusts to speak without TLS.
conf_write() {
    mkdir -p "$DIR/certs/localhost:$(web_port tls)"
    cp "$REG/ca.crt" "$DIR/certs/localhost:$(web_port tls)/"
    jq -n --arg host "127.0.0.1:$(web_port open)" --arg auth "$(printf kiosk:s3cret | base64)" \
        '{auths: {($host): {auth: $auth}}}' >"$DIR/auth.json"
    cat >"$DIR/images.conf" <<CONF
[images]
insecure_registries = 127.0.0.1:$(web_port open), $(registry plain)
certs_dir = $DIR/certs
auth_file = $DIR/auth.json
quota = 96M
deadline = 20
CONF
}

url() { # HOW/NAME: at the server that may be spoken to without TLS
    echo "http://127.0.0.1:$(web_port open)/$1"
}

tls_url() {
    echo "https://localhost:$(web_port tls)/$1"
}

sum() { # ALGORITHM FILE: the fragment
    echo "#$1=$("$1sum" "$2" | cut -d' ' -f1)"
}

pull() { # REFERENCE
    node davit image pull "$1"
}

# disk_of REFERENCE: its file in the store.
disk_of() {
    node davit image inspect "$1" | jq -r '.layers[0].folder + "/disk/disk.img"'
}

# The disk is here under this name, and shows a guest what DISKS/a.img does.
is_disk() { # REFERENCE FORMAT
    local file
    file=$(disk_of "$1")
    [ "$(stat -c '%a %u' "$file")" = "444 0" ]
    [ "$(qemu-img info --output=json "$file" | jq -r .format)" = "$2" ]
    qemu-img compare -q -f "$2" -F raw "$file" "$DISKS/a.img"
}

asked_for() { # PATH: the ranges
    grep -F "GET /$1 " "$WEB/requests" | cut -d' ' -f3
}

staging_is_empty() {
    [ -z "$(ls -A "$N/state/images/staging" 2>/dev/null)" ]
}

refuses() { # REFERENCE REASON WORDS
    run -1 pull "$1"
    contains "$2"
    contains "$3"
    within 5 staging_is_empty
}

@test "a disk comes as it is or compressed, and is one image by its bytes" {
    local name id
    for name in a.img a.img.gz a.img.xz a.img.zst; do
        run -0 pull "$(url "good/$name")$(sum sha256 "$WEB/$name")"
        is_disk "$(url "good/$name")$(sum sha256 "$WEB/$name")" raw
    done
    [ "$(node davit image ls -o json | jq '[.items // . | .[] | select(.reference | startswith("http")) | .id] | unique | length')" -eq 1 ]
    [ "$(find "$N/state/images/layers" -name disk.img | wc -l)" -eq 1 ]
    run -0 pull "$(url good/a.qcow2)$(sum sha512 "$WEB/a.qcow2")"
    is_disk "$(url good/a.qcow2)$(sum sha512 "$WEB/a.qcow2")" qcow2
    id=$(node davit image inspect "$(url good/a.qcow2)$(sum sha512 "$WEB/a.qcow2")" | jq -r .config.davit.disk)
    [ "$id" = "sha256:$(sha256sum <"$WEB/a.qcow2" | cut -d' ' -f1)" ]
    within 5 staging_is_empty
}

@test "zeros are holes" {
    run -0 pull "$(url good/a.img)$(sum sha256 "$WEB/a.img")"
    local file
    file=$(disk_of "$(url good/a.img)$(sum sha256 "$WEB/a.img")")
    [ "$(stat -c %s "$file")" -eq $((16 * 1024 * 1024)) ]
    [ "$(stat -c %b "$file")" -lt 8000 ] # of 512 bytes
    cmp "$file" "$DISKS/a.img"
}

@test "without a checksum it comes with a warning that names it" {
    run -0 pull "$(tls_url good/a.qcow2)"
    contains "nobody checked this disk"
    contains "$(sum sha256 "$WEB/a.qcow2")"
    run -0 pull "$(tls_url good/a.qcow2)$(sum sha256 "$WEB/a.qcow2")"
    [[ "$output" != *"nobody checked"* ]]
}

@test "plain http wants a checksum, or a host that is named" {
    run -1 pull "http://localhost:$(web_port open)/good/a.qcow2"
    contains "InvalidImage: without TLS and without a checksum"
    contains "insecure_registries"
    run -0 pull "http://localhost:$(web_port open)/good/a.qcow2$(sum sha256 "$WEB/a.qcow2")"
    run -0 pull "$(url good/a.qcow2)"
}

@test "a wrong checksum, and a bit that is another one, are seen" {
    refuses "$(url good/a.img.gz)$(sum sha256 "$WEB/a.img")" DigestMismatch "$(sha256sum <"$WEB/a.img.gz" | cut -c1-64)"
    refuses "$(url good/a.img)$(sum sha512 "$WEB/a.img.gz")" DigestMismatch "$(sha512sum <"$WEB/a.img" | cut -c1-128)"
    local name
    for name in a.img a.img.gz a.img.xz a.img.zst a.qcow2; do
        refuses "$(url "flip/$name")$(sum sha256 "$WEB/$name")" DigestMismatch "$(sha256sum <"$WEB/$name" | cut -c1-64)"
    done
    refuses "$(url flip/a.img.xz)" InvalidImage decompressing
}

@test "what breaks off goes on where it was" {
    run -0 pull "$(url cut/a.img)$(sum sha256 "$WEB/a.img")"
    is_disk "$(url cut/a.img)$(sum sha256 "$WEB/a.img")" raw
    [[ "$(asked_for cut/a.img)" == "-"*"bytes="*"bytes="* ]]
    run -0 pull "$(url cut/a.img.xz)"
    run -0 pull "$(url norange/a.img)$(sum sha256 "$WEB/a.img")"
    is_disk "$(url norange/a.img)$(sum sha256 "$WEB/a.img")" raw
}

@test "two halves of two files are none" {
    refuses "$(url changed/a.img)$(sum sha256 "$WEB/a.img")" BadAnswer "it changed while it was fetched"
    refuses "$(url unmarked/a.img)" BadAnswer "nothing says that what comes now is the same file"
    run -0 pull "$(url unmarked/a.img)$(sum sha256 "$WEB/a.img")"
    is_disk "$(url unmarked/a.img)$(sum sha256 "$WEB/a.img")" raw
}

@test "an end that nobody told of is none without a checksum" {
    refuses "$(url untold/a.img)" BadAnswer "does not say how long it is"
    run -0 pull "$(url untold/a.img)$(sum sha256 "$WEB/a.img")"
    refuses "$(url short/a.img)" BadAnswer "nothing says that what comes now is the same file"
    refuses "$(url packed/a.img)" BadAnswer "compressed by HTTP"
}

@test "what does not end, ends at the quota; what does not come, at the deadline" {
    refuses "$(url endless/a.img)" NoSpace "bytes that are free for it"
    contains "davit image prune"
    node davit image inspect demo:1 # nothing goes for what may never fit
    run -1 pull "$(url slow/a.img)"
    contains TooSlow
    within 5 staging_is_empty
}

@test "a password is the server's that asked for it" {
    run -0 pull "$(url password/a.qcow2)$(sum sha256 "$WEB/a.qcow2")"
    run -1 pull "$(tls_url password/a.qcow2)"
    contains Unauthorized
    ! grep -F "$(web_port tls)" "$WEB/requests" | grep -F Basic
}

@test "it may lead elsewhere, with no password, and never from https to http" {
    run -0 pull "$(url away/a.qcow2)$(sum sha256 "$WEB/a.qcow2")"
    refuses "$(tls_url plainly/a.qcow2)" BadAnswer "from https to plain http"
    refuses "$(url round/a.img)" BadAnswer "more than 5 times"
    run -0 pull "$(tls_url away/a.qcow2)"
    is_disk "$(tls_url away/a.qcow2)" qcow2
}

@test "what is no disk is said" {
    run -4 pull "$(url good/missing)"
    contains "404: there is no such file"
    refuses "$(url good/empty)" InvalidImage "it is empty"
    refuses "$(url good/half.gz)" InvalidImage decompressing
    refuses "$(url good/twice.gz)" Unsupported "compressed more than once"
    refuses "$(url good/a.vmdk)" Unsupported "davit vm import converts"
    run -1 pull "https://user:word@localhost/a"
    contains "has a user in it"
    run -1 pull "https://localhost/a#sha256=12"
    contains "64 hex digits"
}

@test "hostile qcow2 disks are refused, by URL and by file, and no file of the host is read" {
    local name
    echo secret-of-the-host >"$DIR/secret"
    qemu-img create -q -f qcow2 -b "$DIR/secret" -F raw "$WEB/back.qcow2" 1M
    qemu-img create -q -f qcow2 -o "data_file=$DIR/data" "$WEB/data.qcow2" 1M
    qemu-img create -q -f qcow2 "$WEB/huge.qcow2" 100T
    head -c 2000000 "$DISKS/a.qcow2" >"$WEB/cut.qcow2"
    head -c 50 "$DISKS/a.qcow2" >"$WEB/head.qcow2"
    qemu-img create -q -f qcow2 "$WEB/luks.qcow2" 1M # qemu-img measures the processor for a LUKS key, which fails on a busy one
    printf '\0\0\0\2' | dd of="$WEB/luks.qcow2" bs=1 seek=32 conv=notrunc status=none # crypt_method
    touch -a -d @1000 "$DIR/secret" "$DIR/data"
    while read -r name words; do
        refuses "$(url "good/$name")$(sum sha256 "$WEB/$name")" "" "$words"
        run -1 node davit vm import "$WEB/$name"
        contains "$words"
    done <<'CASES'
back.qcow2 backing file
data.qcow2 external data file
huge.qcow2 are the most
cut.qcow2 truncated
head.qcow2 truncated
luks.qcow2 encrypted
CASES
    [ "$(stat -c %X "$DIR/secret")" -eq 1000 ]
    [ "$(stat -c %X "$DIR/data")" -eq 1000 ]
    within 5 staging_is_empty
}

@test "a disk is an image like any other: used, kept, removed" {
    local ref
    ref=$(url good/a.qcow2)$(sum sha256 "$WEB/a.qcow2")
    put web "$(shell 'ls -l /d/disk/disk.img >/out/seen; sleep '"$MARK") | .spec.volumes += [{name: \"d\", image: {reference: \"$ref\"}}]
        | .spec.containers[0].volumeMounts += [{name: \"d\", mountPath: \"/d\", readOnly: true}]"
    running web 20
    within 5 grep -q " $(stat -c %s "$WEB/a.qcow2") " "$OUT/seen"
    node davit image ls -o json | jq -e --arg ref "$ref" '.items // . | any(.reference == $ref and .inUse)'
    run -1 node davit image rm "$ref"
    contains "is needed by"
    drop web
    run -0 node davit image rm "$ref"
    within 5 eval '[ -z "$(find "$N/state/images/layers" -name disk.img)" ]'
}

@test "an event warns of what nobody checked; a container cannot be made of a disk" {
    put unchecked ".spec.volumes = [{name: \"d\", image: {reference: \"$(url good/a.img.xz)\"}}]
        | .spec.containers[0].volumeMounts = [{name: \"d\", mountPath: \"/d\", readOnly: true}]"
    running unchecked 20
    within 5 grep -q ImageNotChecked "$DIR/record"
    drop unchecked
    put wrong ".spec.containers[0].image = \"$(url good/a.img)\""
    status wrong '.status.containerStatuses[0].state.waiting.reason == "InvalidImageName"'
    status wrong '.status.containerStatuses[0].state.waiting.message | contains("a URL is a disk")'
    drop wrong
}

# put_artifact REPOSITORY TAG FILE LAYER_TYPE [ARTIFACT_TYPE]: as oras push does.
put_artifact() {
    local host digest empty
    host=http://$(registry plain)/v2/$1
    empty=sha256:$(printf '{}' | sha256sum | cut -d' ' -f1)
    digest=sha256:$(sha256sum <"$3" | cut -d' ' -f1)
    put_blob "$host" "$empty" <(printf '{}')
    put_blob "$host" "$digest" "$3"
    jq -n --arg empty "$empty" --arg digest "$digest" --argjson size "$(stat -c %s "$3")" --arg type "$4" --arg artifact "${5:-}" '
        {schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
         config: {mediaType: "application/vnd.oci.empty.v1+json", digest: $empty, size: 2},
         layers: [{mediaType: $type, digest: $digest, size: $size}]}
        + (if $artifact != "" then {artifactType: $artifact} else {} end)' |
        curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @- "$host/manifests/$2"
}

put_blob() { # HOST DIGEST FILE
    local where
    where=$(curl -sf -X POST -D - -o "$OUT/answer" "$1/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    curl -sf -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$3" \
        "$where$([[ $where == *\?* ]] && echo '&' || echo '?')digest=$2"
}

@test "an artifact whose only layer is a disk is that disk" {
    put_artifact disks/plain 1 "$DISKS/a.qcow2" application/x-qcow2
    put_artifact disks/packed 1 "$WEB/a.img.gz" application/vnd.example.disk.raw+gzip
    put_artifact disks/xz 1 "$WEB/a.img.xz" application/octet-stream
    put_artifact disks/named 1 "$WEB/a.img.zst" application/vnd.example.content application/vnd.example.vm.disk
    run -0 pull "$(registry plain)/disks/plain:1"
    is_disk "$(registry plain)/disks/plain:1" qcow2
    for name in packed xz named; do
        run -0 pull "$(registry plain)/disks/$name:1"
        is_disk "$(registry plain)/disks/$name:1" raw
    done
    [ "$(find "$N/state/images/layers" -name disk.img | wc -l)" -eq 2 ]
    put_artifact disks/chart 1 "$WEB/a.img.gz" application/vnd.cncf.helm.chart.content.v1.tar+gzip
    run -1 pull "$(registry plain)/disks/chart:1"
    contains InvalidImage
    put_artifact disks/back 1 "$WEB/back.qcow2" application/x-qcow2
    run -1 pull "$(registry plain)/disks/back:1"
    contains "backing file"
}

@test "a containerDisk is a container image" {
    container_disk() {
        mkdir disk
        cp "$DISKS/a.qcow2" disk/x.qcow2
        chown -R 107:107 disk
    }
    umoci_image vmdisk '' container_disk
    push plain containerdisk:vmdisk
    run -0 pull "$(registry plain)/containerdisk:vmdisk"
    local folder
    folder=$(node davit image inspect "$(registry plain)/containerdisk:vmdisk" | jq -r '.layers[-1].folder')
    [ "$(stat -c %u "$folder/disk/x.qcow2")" -eq 107 ]
    cmp "$folder/disk/x.qcow2" "$DISKS/a.qcow2"
}

@test "disks are imported from files of each format" {
    local file ref
    chmod 600 "$DISKS"/*
    while read -r file ref format; do
        run -0 node davit vm import "$DISKS/$file" --name "$ref"
        contains "image/$ref imported"
        is_disk "$ref" "$format"
    done <<'CASES'
a.img line3/raw:1 raw
a.qcow2 line3/qcow2:1 qcow2
a.vmdk line3/vmdk:1 qcow2
stream.vmdk line3/stream:1 qcow2
a.vhdx line3/vhdx:1 qcow2
CASES
    cp "$WEB/a.img.xz" "$OUT/Win XP (line 3).img.xz"
    run -0 node davit vm import "$OUT/Win XP (line 3).img.xz"
    contains "image/win-xp-line-3-img:imported imported"
    is_disk win-xp-line-3-img:imported raw
    within 5 staging_is_empty
}

@test "disks that lie in several files, have parents, or are cut, are not imported" {
    qemu-img convert -O vmdk -o subformat=monolithicFlat "$DISKS/a.img" "$OUT/flat.vmdk"
    qemu-img convert -O vmdk -o subformat=twoGbMaxExtentSparse "$DISKS/a.img" "$OUT/split.vmdk"
    qemu-img create -q -f vmdk -b "$DISKS/a.vmdk" -F vmdk "$OUT/parent.vmdk"
    qemu-img convert -O vpc "$DISKS/a.img" "$OUT/dynamic.vhd"
    head -c 2000000 "$DISKS/a.vmdk" >"$OUT/cut.vmdk"
    head -c 2000000 "$DISKS/stream.vmdk" >"$OUT/cut-stream.vmdk"
    head -c 9000000 "$DISKS/a.vhdx" >"$OUT/cut.vhdx"
    while read -r file words; do
        run -1 node davit vm import "$OUT/$file" --name wrong:1
        contains "$words"
    done <<'CASES'
flat.vmdk lies in other files
split.vmdk lies in other files
parent.vmdk parent
dynamic.vhd VHD
cut.vmdk truncated
cut-stream.vmdk truncated
cut.vhdx truncated
CASES
    run -1 node davit vm import "$OUT"
    contains "is a folder"
    run -1 node davit vm import "$OUT/absent"
    run -2 node davit vm import
    run -2 node davit vm
    run -1 node davit vm import "$DISKS/a.img" --name 'Not A Name'
    within 5 staging_is_empty
}

# convert DISK FORMAT [MAXBYTES]: by davit-unpack, with the file QEMU_IMG in the place of qemu-img
convert() {
    mkdir -p "$OUT/usr/bin"
    [ -z "${QEMU_IMG:-}" ] || cp -p "$QEMU_IMG" "$OUT/usr/bin/qemu-img"
    unshare -m sh -c 'mount -t overlay overlay -o "lowerdir=$0:/usr" /usr; exec "$@"' "$OUT/usr" \
        "$TOP/tests/flow/disk_convert.py" "$UNPACK" "$OUT/staging" "$@"
}

@test "qemu-img is nobody, without a network, and sees nothing of the host" {
    cat >"$OUT/spy" <<SPY
#!/bin/bash
{
    echo "uid \$(id -u) \$(id -G)"
    echo /* /dev/*
    (echo >/dev/tcp/127.0.0.1/$(web_port open)) 2>/dev/null && echo "reached the host"
    cat /etc/passwd /proc/self/status && echo "read the host"
    for place in / /usr /in /tmp; do (echo x >\$place/x || echo x >\$place) 2>/dev/null && echo "wrote to \$place"; done
    [ \$PPID = 0 ] || echo "sees its parent"
    echo "pid \$\$"
} >/out 2>&1
exit 0
SPY
    chmod 755 "$OUT/spy"
    QEMU_IMG=$OUT/spy run convert "$DISKS/a.vmdk" vmdk
    run cat "$OUT/staging/1/disk/disk.img"
    contains "uid 65534 65534"
    contains "pid 1"
    [[ "$output" != *reached* && "$output" != *"read the host"* && "$output" != *wrote* && "$output" != *"sees its"* ]]
    [[ "$output" != */etc* || "$output" == *"/etc/passwd: No such file"* ]]
}

@test "a qemu-img that writes too much, or fails, or is not there, is said" {
    run convert "$DISKS/a.vmdk" vmdk 500000
    contains NoSpace
    : >"$OUT/none" # which nobody may start
    QEMU_IMG=$OUT/none run convert "$DISKS/a.vmdk" vmdk
    contains "install qemu-utils"
    printf '#!/bin/sh\necho "it is broken" >&2\nexit 1\n' >"$OUT/broken"
    chmod 755 "$OUT/broken"
    QEMU_IMG=$OUT/broken run convert "$DISKS/a.vmdk" vmdk
    contains "qemu-img does not read it: it is broken"
    # What it writes is looked at as what comes from outside is.
    printf '#!/bin/sh\ncat /in >/out\n' >"$OUT/liar"
    chmod 755 "$OUT/liar"
    QEMU_IMG=$OUT/liar run convert "$DISKS/a.vmdk" vmdk
    contains '"reason": "Unsupported"'
}

# The last one: the pods' own image may go for it.
@test "what nothing needs goes for a disk whose length is told, before the next try" {
    head -c 60M /dev/urandom >"$OUT/old.img"
    head -c 50M /dev/urandom >"$WEB/large.img"
    run -0 node davit vm import "$OUT/old.img" --name old:1
    run -1 pull "$(url good/large.img)"
    contains NoSpace
    run -4 node davit image inspect old:1
    run -0 pull "$(url good/large.img)"
    cmp "$(disk_of "$(url good/large.img)")" "$WEB/large.img"
}
