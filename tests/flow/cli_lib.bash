# For the tests of `davit`: a private Mosquitto for each file, a root of its own for each test, and words to play a node
# with. DAVIT_BUILD names the build folder (default: build beside the sources); needs davit and davit-link built there.

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export BUILD="${DAVIT_BUILD:-$PWD/build}"
    export DAVIT="$BUILD/davit" DAVIT_LIBEXEC="$BUILD"
    local program
    for program in davit davit-link; do
        [ -x "$BUILD/$program" ] || { echo "no $BUILD/$program: build it, or set DAVIT_BUILD" >&2; return 1; }
    done
    export DIR="$(mktemp -d)"
    chmod 755 "$DIR"
    local free
    free=$(python3 -c 'import socket
s=[socket.socket() for _ in range(2)]
[x.bind(("127.0.0.1",0)) for x in s]
print(*[x.getsockname()[1] for x in s])')
    read -r PORT DEAD_PORT <<< "$free"
    export PORT DEAD_PORT
    printf '%s\n' "listener $PORT 127.0.0.1" 'allow_anonymous true' 'user mosquitto' \
        > "$DIR/mosquitto.conf"
    mosquitto -c "$DIR/mosquitto.conf" > "$DIR/mosquitto.log" 2>&1 3>&- &
    echo $! > "$DIR/mosquitto.pid"
    local i
    for i in $(seq 100); do
        mosquitto_pub -h 127.0.0.1 -p "$PORT" -t up -m 1 2>/dev/null && break
        sleep 0.05
    done
    export DAVIT_BROKER="mqtt://127.0.0.1:$PORT" DAVIT_CONTROL="$DIR/control.sock"
    export XDG_CONFIG_HOME="$DIR/config" # the contexts of whoever runs this are not meant
    unset DAVIT_CONTEXT DAVIT_NODE DAVIT_NAMESPACE DAVIT_USERNAME DAVIT_PASSWORD_FILE DAVIT_CA_FILE DAVIT_CERT_FILE DAVIT_KEY_FILE
}

teardown_file() {
    [ -s "$DIR/mosquitto.pid" ] && kill "$(cat "$DIR/mosquitto.pid")"
    rm -rf "$DIR"
}

# Each test has a root of its own, so what one leaves retained is nothing to the next.
setup() {
    export DAVIT_ROOT="t$BATS_TEST_NUMBER"
    export NODE="$DAVIT_ROOT/nodes/press-7"
    TASKS=()
}

teardown() {
    local pid
    for pid in "${TASKS[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

davit() {
    "$DAVIT" "$@"
}

say() { # TOPIC PAYLOAD: retained
    mosquitto_pub -V 5 -p "$PORT" -q 1 -r -t "$1" -m "$2"
}

clear_topic() {
    mosquitto_pub -V 5 -p "$PORT" -q 1 -r -n -t "$1"
}

held() { # what the broker holds of a topic; nothing where it holds nothing
    timeout 2 mosquitto_sub -V 5 -p "$PORT" -t "$1" -C 1 -W 1 --retained-only || true
}

online() {
    say "$DAVIT_ROOT/nodes/$1/presence" '{"v":1,"online":true,"ts":1795410958123}'
}

pod_state() { # NODE NS NAME STATE READY
    say "$DAVIT_ROOT/nodes/$1/state/$2/pods/$3" \
        "{\"ts\":1,\"state\":\"$4\",\"stateCode\":2,\"ready\":$5,\"restarts\":3,\"image\":\"demo:1\",\"containers\":1,\"containersReady\":$5,\"message\":\"\"}"
}

pod_status() { # NODE NS NAME GENERATION READY [CONDITIONS, MORE]
    say "$DAVIT_ROOT/nodes/$1/status/$2/pods/$3" \
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"$3\",\"namespace\":\"$2\",\"creationTimestamp\":\"$(date -u +%FT%TZ)\"},\"status\":{\"observedGeneration\":$4,\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"$5\"}${6:-}],\"source\":\"node\"}}"
}

manifest() { # NAME [IMAGE]
    printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  containers:\n  - name: web\n    image: %s\n' "$1" "${2:-demo:1}"
}

generation() {
    held "$1" | python3 -c 'import json,sys; print(json.load(sys.stdin)["metadata"]["annotations"]["davit/generation"])'
}

published() { # TOPIC [GENERATION]: until davit has said something newer there; its generation
    local now end=$((SECONDS + 10))
    until now=$(generation "$1" 2>/dev/null) && [ -n "$now" ] && [ "$now" != "${2:-}" ]; do
        [ $SECONDS -lt $end ] || { echo "nothing was published: $1" >&2; return 1; }
        sleep 0.1
    done
    echo "$now"
}

contains() {
    [[ "$output" == *"$1"* ]] || { echo "not in the output: $1"; echo "$output"; return 1; }
}
