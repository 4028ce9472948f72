#!/usr/bin/env bats
# Images on the device: what is in them, what goes and what stays, a disk that is full.

bats_require_minimum_version 1.5.0
load davitd
load registry

setup_file() {
    flow_dir
    registry_dir
    images_make
    registry_start plain
    printf '[images]\ninsecure_registries = %s\nquota = 64M\n' "$(registry plain)" >"$DIR/images.conf"
    flow_node --conf "$DIR/images.conf"
}

teardown_file() {
    registries_end
    [ ! -d "$DIR/small" ] || "$TOP/scripts/devnode.sh" down "$DIR/small" || true
    umount "$DIR/small/state" 2>/dev/null || true
    flow_end
}

setup() {
    flow_test
}

# All that a layer can say, over three of them.
first() {
    mkdir -p bin etc tmp var/lib/x usr/lib opt/old/sub opt/kept
    cp /bin/busybox bin/
    ln bin/busybox bin/ls
    ln -s busybox bin/sh
    ln -s busybox bin/sleep
    ln -s usr/lib lib
    chmod 1777 tmp
    install -m 4755 /bin/busybox bin/su
    setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 bin/busybox
    setfattr -n user.note -v two etc
    echo hi >etc/motd
    touch -d @1234567 etc/motd
    chown 1000:1001 var/lib/x
    chmod 2750 var/lib/x
    mkfifo -m 622 var/pipe
    echo o >opt/old/sub/f
    echo g >opt/gone
    echo k >opt/kept/k
}

second() {
    rm -rf opt/old opt/gone
    mkdir opt/old
    echo new >opt/old/new
    chmod 700 opt/kept
    head -c 3000000 /dev/urandom >var/random
}

third() {
    rm opt/old/new bin/su
    ln -s /nowhere bin/su
}

noise() { # MEGABYTES
    head -c "${1}M" /dev/urandom >"noise-$1"
}

images_make() {
    umoci_image one '' first
    umoci_image two one second
    umoci_image good two third
    umoci_image big one noise 40
    umoci_image wide one noise 30
    umoci_image last one noise 20
}

pull() { # REPOSITORY:TAG
    node davit image pull "$(registry plain)/$1"
}

here() { # NAME
    node davit image ls -o json | jq -e --arg name "$1" '.items // . | any(.reference == $name)' >/dev/null
}

in_use() { # NAME yes|no
    [ "$(node davit image ls | awk -v name="$1" '$1 == name { print $NF }')" = "$2" ]
}

folders() {
    find "$N/state/images/layers" -mindepth 1 -maxdepth 1 | wc -l
}

# The layers of an image as a container sees them.
merged() { # REFERENCE MOUNTPOINT
    local lower
    lower=$(node davit image inspect "$1" -o json | jq -r '[.layers[].folder] | reverse | join(":")')
    mkdir -p "$2"
    mount -t overlay overlay -o "ro,userxattr,lowerdir=$lower" "$2"
}

# Type, mode, owner, size, time, link, xattrs and content of all that is there; hard links as such.
listing() { # FOLDER
    (
        cd "$1" || exit 1
        find . -mindepth 1 -printf '%P %y %m %U:%G %l' \( -type d -printf ' %T@\n' -o -printf ' %n %s %T@\n' \) |
            sed -E 's/\.[0-9]+$//' | LC_ALL=C sort
        find . -type f | LC_ALL=C sort | xargs -d '\n' sha256sum
        getfattr -R -P -h -d -m '^(user|security)' . 2>/dev/null | grep -v '^user\.\(overlay\|rootlesscontainers\)'
    )
}

@test "what lies in a pulled image is what umoci unpack and podman image mount show" {
    local name mount
    push plain same:good
    pull same:good
    merged "$(registry plain)/same:good" "$OUT/merged"
    listing "$OUT/merged" >"$OUT/davit"
    umount "$OUT/merged"
    umoci unpack --image "$REG/oci:good" "$OUT/bundle"
    listing "$OUT/bundle/rootfs" >"$OUT/umoci"
    name=$(registry plain)/same:good
    podman --root "$OUT/root" --runroot "$OUT/run" --storage-driver overlay pull -q --tls-verify=false "$name"
    mount=$(podman --root "$OUT/root" --runroot "$OUT/run" --storage-driver overlay image mount "$name")
    listing "$mount" >"$OUT/podman"
    podman --root "$OUT/root" --runroot "$OUT/run" --storage-driver overlay image umount -a >/dev/null
    umount "$OUT/root/overlay" 2>/dev/null || true
    [ "$(wc -l <"$OUT/davit")" -gt 30 ]
    diff "$OUT/umoci" "$OUT/davit"
    # podman gives folders that a layer changes the time of the pull.
    diff <(sed -E '/ d /s/ [0-9]+$//' "$OUT/podman") <(sed -E '/ d /s/ [0-9]+$//' "$OUT/davit")
}

@test "what is needed is not removed, and says by whom; of two names one goes alone" {
    local demo
    demo=$(registry plain)/keep:one
    push plain keep:one
    pull keep:one
    put web ".spec.containers[0].image = \"$demo\" | .spec.containers[0].imagePullPolicy = \"Never\""
    running web
    in_use "$demo" yes
    run -1 node davit image rm "$demo"
    contains InUse
    contains default/pods/web
    run -0 node davit image inspect "$demo" -o json
    [ "$(jq -r '.usedBy | join(" ")' <<<"$output")" = default/pods/web ]
    drop web
    push plain other:one "oci:$REG/oci:one"
    pull other:one
    run -0 node davit image rm "$demo"
    here "$(registry plain)/other:one"
    run ! here "$demo"
    run -4 node davit image rm "$demo"
    contains NotFound
}

@test "prune removes what nothing needs, to the last folder, and nothing else" {
    put web '.spec.containers[0].image = "demo:1" | .spec.containers[0].imagePullPolicy = "Never"'
    running web
    push plain gone:two
    pull gone:two
    [ "$(folders)" -ge 3 ]
    run -0 node davit image prune
    contains "image/$(registry plain)/gone:two removed"
    contains freed
    here demo:1
    within 5 folders_are 1
    running web
    drop web
}

folders_are() {
    [ "$(folders)" -eq "$1" ]
}

@test "over the quota the one that was used longest ago goes, never what runs or ran before it" {
    local run
    push plain q:big
    push plain q:wide
    push plain q:last
    run=$(registry plain)/q
    put web ".spec.containers[0].image = \"$run:big\""
    running web 20
    put web ".spec.containers[0].image = \"$run:last\""
    within 20 in_use "$run:last" yes
    state web ".state == \"Running\" and .image == \"$run:last\"" 20
    # big (40 MB) is the revision before, last (20 MB) runs: there is no room for wide (30 MB) within 64 MB.
    run -1 pull q:wide
    contains OverQuota
    here "$run:big"
    push plain q:one
    put web ".spec.containers[0].image = \"$run:one\""
    state web ".state == \"Running\" and .image == \"$run:one\"" 20
    in_use "$run:last" yes
    within 5 in_use "$run:big" no
    run -0 pull q:wide
    run ! here "$run:big"
    here "$run:last"
    running web
    drop web
}

@test "an image volume is pulled as a container's image is, and stays while it is mounted, wherever its tag has gone" {
    local image
    image=$(registry plain)/vol:one
    node davit image import "$DIR/demo.tar"
    push plain vol:one
    put web "$(shell 'cat /v/etc/motd >/out/before; until [ -e /out/go ]; do sleep 0.1; done; cat /v/etc/motd >/out/after; exec sleep '"$MARK")"' |
        .spec.volumes += [{name: "v", image: {reference: "'"$image"'"}}] | .spec.containers[0].volumeMounts += [{name: "v", mountPath: "/v"}]'
    running web 20
    in_use "$image" yes
    within 5 test -s "$OUT/before"
    run -1 node davit image rm "$image"
    contains default/pods/web
    # The tag means another image now, the document names it no more.
    push plain vol:one "oci:$REG/oci:last"
    pull vol:one
    run -0 node davit image prune
    "$TOP/scripts/devnode.sh" restart "$N" >/dev/null
    within 10 node davit image prune
    touch "$OUT/go"
    within 5 test -s "$OUT/after"
    [ "$(cat "$OUT/after")" = hi ]
    drop web
}

@test "an image volume that is nowhere keeps the containers waiting that mount it, with Kubernetes' reasons" {
    node davit image import "$DIR/demo.tar"
    put web '.spec.volumes = [{name: "v", image: {reference: "'"$(registry plain)"'/nowhere:1"}}] |
        .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}]'
    status web '.status.containerStatuses[0].state.waiting.reason == "ErrImagePull"' 20
    status web '.status.containerStatuses[0].state.waiting | .reason == "ImagePullBackOff" and (.message | test("nowhere:1"))' 20
    drop web
}

@test "an OCI layout's folder is imported as its archive is, and carried on a stick" {
    local id
    id=$(of_manifest good .config.digest)
    mkdir "$OUT/stick"
    skopeo copy -q --insecure-policy "oci:$REG/oci:good" "oci:$OUT/stick:carried:1"
    run -0 node davit image import "$OUT/stick" --name carried:1
    contains "image/carried:1 imported ($(cut -c8-19 <<<"$id"))"
    here carried:1
    # A link in it is not there; what is no layout is said so.
    mv "$OUT/stick/index.json" "$OUT/index.json"
    ln -s "$OUT/index.json" "$OUT/stick/index.json"
    run -1 node davit image import "$OUT/stick" --name linked:1
    run -1 node davit image import "$OUT" --name none:1
    contains "OCI layout"
}

@test "a layer whose folder is gone takes its images along, and a pull brings them back" {
    local name
    name=$(registry plain)/heal:two
    push plain heal:two
    pull heal:two
    rm -rf "$(node davit image inspect "$name" -o json | jq -r '.layers[-1].folder')"
    "$TOP/scripts/devnode.sh" restart "$N"
    run ! here "$name"
    pull heal:two
    here "$name"
    [ -d "$(node davit image inspect "$name" -o json | jq -r '.layers[-1].folder')" ]
}

traced() {
    ! grep -q '^TracerPid:[[:space:]]*0$' "/proc/$(davitd_pid)/status"
}

# What is listed is whole: each layer's folder, and all that is in it.
whole_or_not_here() {
    here "$1" || return 0
    merged "$1" "$OUT/merged"
    listing "$OUT/merged" >"$OUT/found"
    umount "$OUT/merged"
    diff "$OUT/expected" "$OUT/found"
}

staging_is_empty() {
    [ -z "$(ls -A "$N/state/images/staging")" ]
}

# davitd and what it starts, killed where they make this system call for the Nth time.
killed_at() { # CALL:N
    local call=${1%:*} strace killed=0
    strace -f -p "$(davitd_pid)" -o /dev/null -e trace="$call" -e inject="$call:signal=SIGKILL:when=${1#*:}" \
        </dev/null >/dev/null 2>&1 3>&- &
    strace=$!
    within 5 traced
    node timeout 20 davit image pull "$(registry plain)/kill:two" >"$OUT/pulled" 2>&1 || killed=1
    kill -9 "$strace" 2>/dev/null || true # it waits for its tracees else
    wait "$strace" || true
    kill -0 "$(davitd_pid)" 2>/dev/null || killed=1
    "$TOP/scripts/devnode.sh" restart "$N" >/dev/null
    [ "$killed" -eq 0 ] || KILLED=$((KILLED + 1))
}

@test "killed at any call of a pull, nothing half made is used, space comes back, and the pull succeeds" {
    local name call
    name=$(registry plain)/kill:two
    push plain kill:two
    pull kill:two
    merged "$name" "$OUT/merged"
    listing "$OUT/merged" >"$OUT/expected"
    umount "$OUT/merged"
    KILLED=0
    for call in rename:1 rename:2 fsync:1 fdatasync:1 fdatasync:2 pipe2:1 mkdir:1 chroot:1 openat2:4 openat2:20 fchown:3 \
        syncfs:1 syncfs:2 setgroups:1 recvfrom:3; do
        node davit image prune >/dev/null
        run ! here "$name"
        killed_at "$call"
        whole_or_not_here "$name" || { echo "killed at $call"; false; }
        within 10 staging_is_empty
        pull kill:two || { echo "killed at $call"; cat "$OUT/pulled"; false; }
        whole_or_not_here "$name"
        here "$name"
    done
    [ "$KILLED" -ge 8 ]
    # Nobody's folders are left.
    within 5 folders_are "$(node davit image inspect "$name" -o json | jq '.layers | length')"
}

small() {
    (
        . "$DIR/small/env"
        "$@"
    )
}

nothing_staged() {
    [ -z "$(ls -A "$DIR/small/state/images/staging")" ]
}

@test "a full disk ends a pull with its reason, nothing half made stays, and room makes it succeed" {
    mkdir -p "$DIR/small/state"
    mount -t tmpfs -o size=16m,mode=755 small "$DIR/small/state"
    "$TOP/scripts/devnode.sh" up "$DIR/small" --name small --conf "$DIR/images.conf"
    push plain full:last
    run -1 small davit image pull "$(registry plain)/full:last"
    contains NoSpace
    within 5 nothing_staged
    [ "$(small davit image ls -o name)" = "" ]
    mount -o remount,size=64m "$DIR/small/state"
    # What is left: the layer's blocks were not counted on.
    dd if=/dev/zero of="$DIR/small/state/filler" bs=1M count=42 2>/dev/null
    run -1 small davit image pull "$(registry plain)/full:last"
    contains NoSpace
    within 5 nothing_staged
    rm "$DIR/small/state/filler"
    run -0 small davit image pull "$(registry plain)/full:last"
}
