#!/usr/bin/env bats
# Images come from a registry: Debian's docker-registry, with images of umoci, skopeo and buildah.

bats_require_minimum_version 1.5.0
load davitd
load registry

setup_file() {
    flow_dir
    registry_dir
    registry_certificates
    images_make
    registry_start plain
    registry_start auth --auth kiosk s3cret
    registry_start private --auth line pr1vate
    registry_start tls --tls
    registry_start origin
    registry_start mirror
    conf_write
    "$TOP/scripts/devnode.sh" up "$N" --name n --conf "$DIR/images.conf"
    record_start
}

teardown_file() {
    registries_end
    flow_end
}

setup() {
    flow_test
}

conf_write() {
    mkdir -p "$DIR/certs/$(registry tls)"
    cp "$REG/ca.crt" "$DIR/certs/$(registry tls)/"
    jq -n --arg host "$(registry auth)" --arg auth "$(printf kiosk:s3cret | base64)" \
        '{auths: {($host): {auth: $auth}}}' >"$DIR/auth.json"
    cat >"$DIR/images.conf" <<CONF
[images]
insecure_registries = $(registry plain), $(registry auth), $(registry private), $(registry origin), $(registry mirror)
mirror.$(registry origin) = http://$(registry mirror)
auth_file = $DIR/auth.json
certs_dir = $DIR/certs
rate_limit = 4M
CONF
}

base() {
    mkdir -p bin etc/deep tmp
    cp /bin/busybox bin/
    ln -s busybox bin/sh
    ln -s busybox bin/sleep
    chmod 1777 tmp
    chown 7:8 etc/deep
    chmod 2750 etc/deep
}

note() { # TEXT
    echo "$1" >"note-$1"
}

noise() { # MEGABYTES
    head -c "${1}M" /dev/urandom >noise
}

images_make() {
    umoci_image base '' base
    umoci_image two base note two
    umoci_image three base note three
    umoci_image same two note again
    umoci_image big base noise 12
    umoci_image foreign base note foreign
    umoci config --image "$REG/oci:foreign" --architecture mips64
}

pull() { # REGISTRY REPOSITORY:TAG
    node davit image pull "$(registry "$1")/$2"
}

blobs() { # REGISTRY: how many it gave since the last look
    asked "$1" | grep -c '^GET .*/blobs/.* 200$'
}

id_of() { # LAYOUT_TAG
    of_manifest "$1" .config.digest
}

listed() { # REGISTRY REPOSITORY:TAG LAYOUT_TAG: it is here, as this image
    node davit image ls -o json | jq -e --arg name "$(registry "$1")/$2" --arg id "$(id_of "$3")" \
        '.items // . | any(.reference == $name and .id == $id)'
}

staging_is_empty() {
    [ -z "$(ls -A "$N/state/images/staging" 2>/dev/null)" ]
}

@test "an image is pulled, and runs" {
    push plain demo:two
    run -0 pull plain demo:two
    contains "image/$(registry plain)/demo:two pulled ($(id_of two | cut -c8-19))"
    listed plain demo:two two
    within 5 staging_is_empty
    put web ".spec.containers[0].image = \"$(registry plain)/demo:two\" | .spec.containers[0].imagePullPolicy = \"Never\""
    running web
    drop web
}

@test "what is here already is not fetched again: layers, the same image by another name, the image itself" {
    push plain demo:three
    asked plain >/dev/null
    run -0 pull plain demo:three
    [ "$(blobs plain)" -eq 2 ] # its configuration, and the one layer that demo:two has not
    listed plain demo:three three
    push plain other/name:two
    asked plain >/dev/null
    run -0 pull plain other/name:two
    run -0 pull plain demo:two
    [ "$(blobs plain)" -eq 0 ]
    listed plain other/name:two two
    listed plain demo:two two
}

@test "a tag that moved means the new image" {
    push plain moves:1 "oci:$REG/oci:two"
    run -0 pull plain moves:1
    listed plain moves:1 two
    push plain moves:1 "oci:$REG/oci:three"
    run -0 pull plain moves:1
    listed plain moves:1 three
}

@test "a reference with a digest is held to it" {
    local digest
    digest=$(skopeo inspect --raw "oci:$REG/oci:two" | sha256sum | cut -d' ' -f1)
    push plain pinned:two
    run -0 pull plain "pinned@sha256:$digest"
    node davit image ls -o json | jq -e --arg tail "pinned@sha256:$digest" '.items // . | any(.reference | endswith($tail))'
    run -4 pull plain "pinned@sha256:${digest//[0-9]/0}"
    contains NotFound
}

@test "what is not there, and what is for another machine, is said in words" {
    run -4 pull plain demo:missing
    contains "NotFound"
    contains "$(registry plain)"
    contains "missing"
    push plain demo:foreign
    run -1 pull plain demo:foreign
    contains "NoPlatform"
    contains "linux/mips64"
    run -1 node davit image pull 127.0.0.1:9/demo:1
    contains "Unreachable"
    run -1 node davit image pull no-such-host.invalid/demo:1
    contains "UnknownHost"
    within 5 staging_is_empty
}

entry() { # LAYOUT_TAG ARCHITECTURE: of an index
    skopeo inspect --raw "oci:$REG/oci:$1" >"$OUT/manifest"
    jq -n --arg digest "sha256:$(sha256sum <"$OUT/manifest" | cut -d' ' -f1)" --argjson size "$(stat -c %s "$OUT/manifest")" \
        --arg machine "$2" '{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size,
            platform: {os: "linux", architecture: $machine}}'
}

put_index() { # REPOSITORY:TAG ENTRY...
    local type=application/vnd.oci.image.index.v1+json name=$1
    shift
    printf '%s\n' "$@" | jq -s --arg type "$type" '{schemaVersion: 2, mediaType: $type, manifests: .}' >"$OUT/index"
    curl -sf -X PUT -H "Content-Type: $type" --data-binary "@$OUT/index" \
        "http://$(registry plain)/v2/${name%:*}/manifests/${name#*:}"
}

@test "of an index the image for this machine is taken" {
    push plain multi:two
    push plain multi:foreign
    put_index multi:all "$(entry foreign mips64)" "$(entry two "$(skopeo inspect --config "oci:$REG/oci:two" | jq -r .architecture)")"
    run -0 pull plain multi:all
    listed plain multi:all two
    put_index multi:others "$(entry foreign mips64)"
    run -1 pull plain multi:others
    contains "NoPlatform"
    contains "but for: linux/mips64"
}

@test "images of buildah, and in Docker's own format" {
    local store
    store=(--storage-driver vfs --root "$OUT/store" --runroot "$OUT/runroot")
    buildah "${store[@]}" from --name work scratch
    buildah "${store[@]}" copy work /bin/busybox /bin/sh
    buildah "${store[@]}" commit --signature-policy "$(policy)" --tls-verify=false work "docker://$(registry plain)/built:1"
    run -0 pull plain built:1
    skopeo copy -q --insecure-policy --dest-tls-verify=false --format v2s2 "oci:$REG/oci:two" \
        "docker://$(registry plain)/docker:two"
    run -0 pull plain docker:two
}

policy() {
    echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$OUT/policy.json"
    echo "$OUT/policy.json"
}

@test "a layer that leaves out its folders finds them in those below" {
    mkdir -p "$OUT/x/etc/deep"
    echo late >"$OUT/x/etc/deep/late"
    tar -C "$OUT/x" -cf "$OUT/late.tar" etc/deep/late
    cp -r "$REG/oci" "$OUT/oci"
    umoci tag --image "$OUT/oci:base" late
    umoci raw add-layer --image "$OUT/oci:late" "$OUT/late.tar"
    push plain late:1 "oci:$OUT/oci:late"
    run -0 pull plain late:1
    # As the layer below has it.
    run -0 find "$N/state/images/layers" -path '*/etc/deep' -printf '%U:%G %m\n'
    [ "${#lines[@]}" -eq 2 ]
    [ "$(printf '%s\n' "${lines[@]}" | sort -u)" = "7:8 2750" ]
}

@test "a registry that wants a password gets the one of auth_file, and says no to another" {
    PUSH_AS=kiosk:s3cret push auth demo:two
    run -0 pull auth demo:two
    listed auth demo:two two
    cp "$DIR/auth.json" "$OUT/"
    jq '.auths[].auth = "a2lvc2s6d3Jvbmc="' "$OUT/auth.json" >"$DIR/auth.json"
    run -1 pull auth demo:three
    contains "Unauthorized"
    cp "$OUT/auth.json" "$DIR/auth.json"
}

@test "an imagePullSecret opens a private registry, and is told to nobody" {
    PUSH_AS=line:pr1vate push private demo:two
    put web ".spec.containers[0].image = \"$(registry private)/demo:two\" | .spec.imagePullSecrets = [{name: \"hub\"}]"
    status web '.status.containerStatuses[0].state.waiting.message | contains("Unauthorized") and contains("default/hub")'
    jq -n --arg host "$(registry private)" '{apiVersion: "v1", kind: "Secret", metadata: {name: "hub"},
        type: "kubernetes.io/dockerconfigjson",
        stringData: {".dockerconfigjson": {auths: {($host): {username: "line", password: "pr1vate"}}} | tojson}}' \
        >"$OUT/hub.json"
    run -0 node davit apply -f "$OUT/hub.json" --node n --wait=10
    running web
    within 5 says "$T/state/default/secrets/hub" '.state == "Stored"'
    run ! grep -a -e pr1vate -e "$(printf pr1vate | base64)" -e "$(printf line:pr1vate | base64)" "$DIR/record" "$N/davitd.log"
    [ "$(stat -c %a "$N/state/davit.db")" = 600 ]
    run -0 node davit delete secret hub --node n
    within 5 silent "$T/status/default/secrets/hub"
    drop web
}

@test "Always starts what is here when no registry is in reach, and says so" {
    push plain stale:two
    put web ".spec.containers[0].image = \"$(registry plain)/stale:two\" | .spec.containers[0].imagePullPolicy = \"Always\""
    running web
    registry_stop plain
    kill -9 "$(sleepers)"
    status web '.status.containerStatuses[0].restartCount == 1 and .status.containerStatuses[0].ready' 20
    status web "$(condition ImageStale) | .status == \"True\" and (.message | contains(\"Unreachable\") or contains(\"refused\"))" 20
    registry_up plain
    drop web
}

@test "an update waits for its image while the old one runs, and tells how far it is" {
    local pid
    push plain line:two
    umoci_image slow base noise 11
    push plain line:slow
    put web ".spec.containers[0].image = \"$(registry plain)/line:two\""
    running web
    pid=$(sleepers)
    put web ".spec.containers[0].image = \"$(registry plain)/line:missing\""
    state web '.state == "Running" and .update == "ImagePullBackOff" and (.updateReason | contains("NotFound"))'
    [ "$(sleepers)" = "$pid" ]
    put web ".spec.containers[0].image = \"$(registry plain)/line:slow\""
    status web '.status.images[0] | .total > 11000000 and .bytes > 0 and .layers == 1 and .bytesPerSecond > 0 and .bytesPerSecond < 6000000'
    state web '.state == "Running" and .update == "Pulling"'
    [ "$(sleepers)" = "$pid" ]
    state web ".image == \"$(registry plain)/line:slow\" and .state == \"Running\"" 20
    [ "$(sleepers)" != "$pid" ]
    drop web
}

@test "layers of zstd come as those of gzip do" {
    umoci_image packed base note packed
    skopeo copy -q --insecure-policy --dest-tls-verify=false --dest-compress --dest-compress-format zstd \
        "oci:$REG/oci:packed" "docker://$(registry plain)/demo:packed"
    # What the registry had already stays as it was.
    skopeo inspect --raw --tls-verify=false "docker://$(registry plain)/demo:packed" | grep -q zstd
    run -0 pull plain demo:packed
    listed plain demo:packed packed
}

@test "a private authority is believed where certs_dir has it, and nowhere else" {
    push tls demo:two
    run -0 pull tls demo:two
    listed tls demo:two two
    mv "$DIR/certs/$(registry tls)/ca.crt" "$OUT/"
    run -1 pull tls demo:three
    contains "Certificate"
    mv "$OUT/ca.crt" "$DIR/certs/$(registry tls)/"
}

@test "a mirror is asked first, and the registry itself where the mirror has nothing or is away" {
    push mirror mirrored:two
    asked origin >/dev/null
    run -0 pull origin mirrored:two
    listed origin mirrored:two two
    [ -z "$(asked origin)" ]
    push origin only:three
    run -0 pull origin only:three
    listed origin only:three three
    registry_stop mirror
    push origin away:two
    run -0 pull origin away:two
    listed origin away:two two
    registry_up mirror
}

begin_pull() { # REGISTRY REPOSITORY:TAG: in the background, until bytes come; its words go to $OUT/pulled
    pull "$1" "$2" >"$OUT/pulled" 2>&1 3>&- &
    PULLING=$!
    within 10 unpacking
}

unpacking() {
    [ -n "$(find "$N/state/images/staging" -name noise -size +100k 2>/dev/null)" ]
}

@test "a registry that dies in the middle is waited for, and the pull goes on" {
    push plain big:big
    begin_pull plain big:big
    registry_stop plain
    registry_up plain
    wait "$PULLING" || { cat "$OUT/pulled"; false; }
    listed plain big:big big
}

@test "what is pulled already is waited for, not fetched twice" {
    umoci_image big2 base noise 4
    push plain twice:big2
    asked plain >/dev/null
    begin_pull plain twice:big2
    run -0 pull plain twice:big2
    wait "$PULLING"
    [ -z "$(asked plain | grep '^GET .*/blobs/' | sort | uniq -d)" ]
    listed plain twice:big2 big2
}

@test "a child that is killed ends the pull with a reason, and nothing is left of it" {
    local name
    umoci_image big3 base noise 3
    push plain killed:big3
    for name in davit-unpack davit-fetch; do
        begin_pull plain killed:big3
        kill -9 "$(child $name | tail -n 1)"
        wait "$PULLING" && false
        grep -q "killed by signal 9" "$OUT/pulled"
        within 5 staging_is_empty
    done
    run -0 pull plain killed:big3
    listed plain killed:big3 big3
}

@test "davitd killed in the middle begins anew, and uses nothing that is half made" {
    umoci_image big4 base noise 3
    push plain again:big4
    begin_pull plain again:big4
    kill -9 "$(davitd_pid)"
    wait "$PULLING" && false
    "$TOP/scripts/devnode.sh" restart "$N"
    within 5 staging_is_empty
    run ! listed plain again:big4 big4
    run -0 pull plain again:big4
    listed plain again:big4 big4
}
