# shellcheck shell=bash
# For the tests of pods' networks: a node with both families, a pod to ask from, and a neighbour on the same wire, which is a
# namespace of its own: 192.0.2.2, behind 192.0.2.1 of the node.

network_start() {
    flow_dir
    unshare -n sleep 3600 </dev/null >/dev/null 2>&1 3>&- &
    echo $! >"$DIR/neighbour"
    within 5 neighbour_is_there
    ip link add up0 type veth peer name up1 netns "$(cat "$DIR/neighbour")"
    ip address add 192.0.2.1/24 dev up0
    ip address add fd00:77::1/64 dev up0 nodad
    ip link set up0 up
    outside ip address add 192.0.2.2/24 dev up1
    outside ip address add fd00:77::2/64 dev up1 nodad
    outside ip link set up1 up
    outside ip route add default via 192.0.2.1
    printf '[network]\nsubnet6=fd00:da::/64\n' >"$DIR/conf"
    flow_node --conf "$DIR/conf"
    read -r BRIDGE SUBNET <"$N/.net"
    export BRIDGE SUBNET
    put client
    running client 20
}

network_end() {
    local neighbour
    neighbour=$(cat "$DIR/neighbour")
    [ ! -e "$DIR/servers" ] || servers_end
    ip link delete up0 || true
    kill "$neighbour" || true
    flow_end
}

neighbour_is_there() {
    [ "$(readlink "/proc/$(cat "$DIR/neighbour")/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

outside() {
    nsenter --net="/proc/$(cat "$DIR/neighbour")/ns/net" "$@"
}

# web NAME APP [JQ]: answers with its name on port 8080, which is called http.
web() {
    pod "$1" ".metadata.labels = {app: \"$2\"} | .spec.containers[0] += {ports: [{name: \"http\", containerPort: 8080}],
        command: [\"sh\", \"-c\", \"mkdir /tmp/w; cd /tmp/w; echo $1 >index.html; exec httpd -f -p 8080\"],
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}} | ${3:-.}" | publish "$T/desired/default/pods/$1"
}

# service NAME APP [JQ]
service() {
    jq -nc --arg name "$1" --arg app "$2" '{apiVersion: "v1", kind: "Service", metadata: {name: $name},
        spec: {selector: {app: $app}, ports: [{port: 80, targetPort: "http"}]}} | '"${3:-.}" | publish "$T/desired/default/services/$1"
}

unserve() { # NAME
    service "$1" x '.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"'
    within 10 silent "$T/status/default/services/$1"
}

served() { # NAME JQ
    within 30 says "$T/status/default/services/$1" "$2"
}

ready_of() { # NAME COUNT
    served "$1" "[.status.endpoints[] | select(.ready)] | length == $2"
}

spec_of() { # NAME JQ
    said "$T/status/default/services/$1" | jq -r ".spec | $2"
}

address_of() { # POD [INDEX]
    said "$T/status/default/pods/$1" | jq -r ".status.podIPs[${2:-0}].ip"
}

netns_of() { # POD
    echo "$N/run/netns/$(said "$T/status/default/pods/$1" | jq -r .metadata.uid)"
}

inside() { # POD CMD...: in its network, with the host's programs
    local path
    path=$(netns_of "$1")
    shift
    "$TOP/scripts/devnode.sh" exec "$N" nsenter --net="$path" "$@"
}

get() { # URL
    curl -sg --max-time 3 "$1"
}

# davit-net has done it a moment after the status says so
answers() { # URL WORD
    [ "$(get "$1")" = "$2" ]
}

refused() { # URL
    local code=0
    get "$1" || code=$?
    [ "$code" = 7 ]
}

gateway() {
    ip -4 -o address show "$BRIDGE" | awk '{print $4}' | cut -d/ -f1
}

# within_pod POD CMD...: in its container
within_pod() {
    local id
    id=$(basename "$(find "$N/run/crun/bundles" -maxdepth 1 -name "$(basename "$(netns_of "$1")" | tr -d - | cut -c1-12)-main-*")")
    shift
    "$TOP/scripts/devnode.sh" exec "$N" crun --root "$N/run/crun/crun" --cgroup-manager=cgroupfs exec "$id" "$@"
}

# lookup POD NAME: its addresses, sorted, as the pod's own name server tells them
lookup() {
    within_pod "$1" nslookup "$2" 2>/dev/null | awk '/^Name:/ {n = 1} n && /^Address/ {print $NF}' | sort | tr '\n' ' '
}

# resolves POD NAME ADDRESS: by the search list, as programs do
resolves() {
    within_pod "$1" ping -c 1 -W 1 "$2" 2>&1 | grep -qF "($3)"
}

finds() { # POD NAME ADDRESSES
    [ "$(lookup "$1" "$2")" = "$3" ]
}

# answers_of CMD...: who answers 20 times, sorted
answers_of() {
    for _ in {1..20}; do "$@"; done | sort -u | tr '\n' ' '
}

# net_alone SCRIPT WHAT: davit-net without davitd, in a network namespace of its own; and of processes, so that nothing stays.
net_alone() {
    mkdir -p "$DIR/alone/cni"
    run unshare -n -m -p -f --kill-child --mount-proc --propagation private python3 "$BATS_TEST_DIRNAME/$1" \
        "$STAGE/usr/libexec/davit/davit-net" "$DIR/alone" "$2"
    echo "$output"
    rm -rf "$DIR/alone"
    [ "$status" = 0 ]
}
