# shellcheck shell=bash
# For tests that pull: Debian's docker-registry on loopback, and images in it as skopeo, umoci and buildah make them. One
# folder for all, $REG (below $DIR of davitd.bash). What a registry was asked is in its log, a line a request.

registry_dir() {
    export REG=$DIR/registry
    mkdir -p "$REG"
}

# A certificate authority, and what it signed for 127.0.0.1.
registry_certificates() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=test ca" \
        -keyout "$REG/ca.key" -out "$REG/ca.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=registry" \
        -keyout "$REG/tls.key" -out "$REG/tls.csr" 2>/dev/null
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >"$REG/tls.ext"
    openssl x509 -req -in "$REG/tls.csr" -CA "$REG/ca.crt" -CAkey "$REG/ca.key" -CAcreateserial -days 2 \
        -extfile "$REG/tls.ext" -out "$REG/tls.crt" 2>/dev/null
}

registry_listens() { # PORT
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# registry_start NAME [--auth USER PASSWORD] [--tls] [--data OTHER]: its address is $(registry NAME) then. --data serves
# what the registry OTHER has.
registry_start() {
    local name=$1 auth='' tls='' data=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        --auth)
            htpasswd -Bbn "$2" "$3" >"$REG/$name.htpasswd"
            auth="auth: {htpasswd: {realm: test, path: $REG/$name.htpasswd}}"
            shift 3
            ;;
        --tls)
            tls=", tls: {certificate: $REG/tls.crt, key: $REG/tls.key}"
            shift
            ;;
        --data) data=$2; shift 2 ;;
        esac
    done
    printf '%s\n' >"$REG/$name.conf" 'version: 0.1' 'log: {level: error}' \
        "storage: {filesystem: {rootdirectory: $REG/$data.data}}" "http: {addr: 127.0.0.1:PORT$tls}" "$auth"
    registry_up "$name"
}

# Once more, where it was.
registry_up() { # NAME
    local port tries
    port=$(cat "$REG/$1.port" 2>/dev/null) || port=
    for _ in {1..10}; do
        [ -n "$port" ] || port=$((12000 + RANDOM % 8000))
        if ! registry_listens "$port"; then
            sed "s/:PORT/:$port/" "$REG/$1.conf" >"$REG/$1.yml"
            docker-registry serve "$REG/$1.yml" </dev/null >>"$REG/$1.log" 2>&1 3>&- &
            echo $! >"$REG/$1.pid"
            disown
            for tries in {1..250}; do
                kill -0 "$(cat "$REG/$1.pid")" 2>/dev/null || break
                if registry_listens "$port"; then
                    echo "$port" >"$REG/$1.port"
                    return 0
                fi
                sleep 0.02
            done
        fi
        port=
    done
    echo "docker-registry did not start, after $tries looks:"
    tail -n 5 "$REG/$1.log"
    return 1
}

registry_stop() { # NAME
    local pid
    pid=$(cat "$REG/$1.pid" 2>/dev/null) || return 0
    rm -f "$REG/$1.pid"
    kill -9 "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
}

registries_end() {
    local pid
    for pid in "$REG"/*.pid; do
        [ ! -e "$pid" ] || registry_stop "$(basename "$pid" .pid)"
    done
}

registry() { # NAME: its address
    echo "127.0.0.1:$(cat "$REG/$1.port")"
}

# What it was asked since the last look: "GET /v2/demo/manifests/1 200", a line a request.
asked() { # NAME
    local seen
    seen=$(cat "$REG/$1.seen" 2>/dev/null) || seen=0
    wc -l <"$REG/$1.log" >"$REG/$1.seen"
    tail -n +$((seen + 1)) "$REG/$1.log" | sed -nE 's/.*"([A-Z]+) ([^ ]+) HTTP[^"]*" ([0-9]+) .*/\1 \2 \3/p'
}

# --- images

# umoci_image TAG BASE CMD...: BASE of the layout $REG/oci ("" none) with one more layer: CMD changes the folder . for it.
umoci_image() {
    local tag=$1 base=$2
    shift 2
    (
        cd "$REG" || exit 1
        [ -e oci ] || umoci init --layout oci
        rm -rf bundle
        if [ -z "$base" ]; then
            umoci new --image "oci:$tag"
            base=$tag
        fi
        umoci unpack --image "oci:$base" bundle
        (cd bundle/rootfs && "$@")
        umoci repack --image "oci:$tag" bundle
        rm -rf bundle
    ) >/dev/null 2>&1
}

# push REGISTRY REPOSITORY:TAG [SOURCE]: from the layout's TAG, or any that skopeo knows.
push() {
    local tls=false
    ! grep -q 'tls: {' "$REG/$1.conf" || tls=true
    SSL_CERT_FILE=$REG/ca.crt skopeo copy -q --insecure-policy --dest-tls-verify=$tls ${PUSH_AS:+--dest-creds "$PUSH_AS"} \
        "${3:-oci:$REG/oci:${2##*:}}" "docker://$(registry "$1")/$2"
}

# digest_of LAYOUT_TAG JQ: of its manifest, for instance .config.digest
of_manifest() {
    skopeo inspect --raw "oci:$REG/oci:$1" | jq -r "$2"
}
