# shellcheck shell=sh
# What the scripts share that make images: a docker-archive by tar and sha256sum alone, and Debian's files. Sourced.
# The same files give the same bytes, so the same image id.

# Every word as a JSON string.
json_words() {
    separator=
    for word in "$@"; do
        printf '%s"%s"' "$separator" "$(printf '%s' "$word" | sed 's/\\/\\\\/g; s/"/\\"/g')"
        separator=,
    done
}

pack() {
    tar -C "$1" -cf "$2" --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner .
}

image_architecture() {
    case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    armv7* | armhf) echo arm ;;
    *) uname -m ;;
    esac
}

# archive_image WORK ROOT OUT.tar REFERENCE [WORD...]: an image of one layer, the folder ROOT, whose command is WORDs.
archive_image() {
    image_work=$1 image_out=$3 image_reference=$4
    mkdir "$image_work/image"
    pack "$2" "$image_work/layer.tar"
    shift 4
    layer=$(sha256sum "$image_work/layer.tar" | cut -d' ' -f1)
    mkdir "$image_work/image/$layer"
    mv "$image_work/layer.tar" "$image_work/image/$layer/layer.tar"
    printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Cmd":[%s],"Env":["PATH=/bin:/usr/bin"],"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"%s"}]}' \
        "$(image_architecture)" "$(json_words "$@")" "$layer" "${0##*/}" >"$image_work/config.json"
    config=$(sha256sum "$image_work/config.json" | cut -d' ' -f1)
    mv "$image_work/config.json" "$image_work/image/$config.json"
    printf '[{"Config":"%s.json","RepoTags":[%s],"Layers":["%s/layer.tar"]}]\n' \
        "$config" "$(json_words "$image_reference")" "$layer" >"$image_work/image/manifest.json"
    pack "$image_work/image" "$image_out"
    rm -rf "$image_work/image"
}

# debian_tree WORK PACKAGES: WORK/root, from where this machine gets its own packages (debootstrap knows one itself
# otherwise). DAVIT_DEBIAN_MIRROR names another mirror.
debian_tree() {
    suite=bookworm
    # shellcheck disable=SC2016 # apt expands it
    mirror=${DAVIT_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' "Codename: $suite" 2>/dev/null | head -n 1)}
    if ! debootstrap --variant=minbase --include="$2" "$suite" "$1/root" ${mirror:+"$mirror"} >"$1/debootstrap.log" 2>&1; then
        tail -n 30 "$1/debootstrap.log" >&2
        [ ! -e "$1/root/debootstrap/debootstrap.log" ] || tail -n 20 "$1/root/debootstrap/debootstrap.log" >&2
        echo "${0##*/}: debootstrap failed; is ${mirror:-its mirror} in reach? DAVIT_DEBIAN_MIRROR names another" >&2
        return 1
    fi
}
