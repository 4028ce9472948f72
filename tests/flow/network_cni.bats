#!/usr/bin/env bats
# Networks beside the default one: CNI conflists of Debian's plugins, by annotation.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    [ -x /usr/lib/cni/macvlan ] || skip "needs containernetworking-plugins"
    flow_dir
    mkdir -p "$DIR/cni" "$DIR/bin"
    ip link add wire0 type veth peer name wire1
    ip link set wire0 up
    ip link set wire1 up
    ip link add spare0 type veth peer name spare1
    conflist plant "{\"type\": \"macvlan\", \"master\": \"wire0\", \"ipam\": $(ipam 10.77.1)}"
    conflist camera "{\"type\": \"vlan\", \"master\": \"wire0\", \"vlanId\": 77, \"ipam\": $(ipam 10.77.2)}"
    conflist hall "{\"type\": \"bridge\", \"bridge\": \"brhall\", \"ipam\": $(ipam 10.77.3)}"
    conflist card '{"type": "host-device", "device": "spare0"}'
    conflist slow "{\"type\": \"slow\", \"bridge\": \"brhall\", \"ipam\": $(ipam 10.77.3)}"
    conflist failing '{"type": "failing"}'
    conflist hanging '{"type": "hanging"}'
    conflist lacking '{"type": "no-such-plugin"}'
    plugin slow 'sleep 0.4; exec /usr/lib/cni/bridge'
    plugin failing 'echo "{\"code\": 7, \"msg\": \"the wire is cut\"}"; exit 1'
    plugin hanging '[ "$CNI_COMMAND" != ADD ] || exec sleep 1000; echo "{}"'
    printf '[network]\ncni_dir=%s/cni\ncni_path=/usr/lib/cni:%s/bin\n' "$DIR" "$DIR" >"$DIR/conf"
    flow_node --conf "$DIR/conf"
}

teardown_file() {
    [ -n "${DIR:-}" ] || return 0
    flow_end
    for link in wire0 spare0 brhall; do ip link delete "$link" 2>/dev/null || true; done
}

setup() {
    flow_test
}

ipam() { # 10.77.1
    echo "{\"type\": \"host-local\", \"dataDir\": \"$DIR/ipam\", \"ranges\": [[{\"subnet\": \"$1.0/24\"}]]}"
}

conflist() { # NAME PLUGIN
    echo "{\"cniVersion\": \"0.4.0\", \"name\": \"$1\", \"plugins\": [$2]}" >"$DIR/cni/$1.conflist"
}

plugin() { # NAME SCRIPT
    printf '#!/bin/sh\n%s\n' "$2" >"$DIR/bin/$1"
    chmod 755 "$DIR/bin/$1"
}

on() { # NAME NETWORKS
    put "$1" ".metadata.annotations = {\"davit/network\": \"$2\"}"
}

# network NAME JQ: of the list of its networks
network() {
    status "$1" ".metadata.annotations[\"k8s.v1.cni.cncf.io/network-status\"] | fromjson | $2" "${3:-15}"
}

inside() { # POD CMD...
    local path
    path=$N/run/netns/$(said "$T/status/default/pods/$1" | jq -r .metadata.uid)
    shift
    "$TOP/scripts/devnode.sh" exec "$N" nsenter --net="$path" "$@"
}

# No address is given to anybody, by any of the networks.
ipam_is_empty() {
    [ -z "$(find "$DIR/ipam" -name '10.*' 2>/dev/null)" ]
}

@test "two networks at once, as net1 and net2, told as Multus tells them; gone with the pod" {
    on two "plant, hall"
    running two 20
    network two 'map(.interface) == ["eth0", "net1", "net2"] and map(.name) == ["davit", "plant", "hall"] and .[0].default'
    network two '(.[1].ips[0] | startswith("10.77.1.")) and (.[2].ips[0] | startswith("10.77.3.")) and (.[1].mac | length == 17)'
    status two '.status.podIPs[0].ip == (.metadata.annotations["k8s.v1.cni.cncf.io/network-status"] | fromjson | .[0].ips[0])'
    inside two ip -d -o address show net1 | grep -q 10.77.1.
    inside two ip -d link show net1 | grep -q macvlan
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    network two 'length == 3'
    drop two
    within 3 ipam_is_empty
}

@test "a VLAN of a wire" {
    ip link add link wire0 name vlan77 type vlan id 77 2>/dev/null || skip "the kernel has no VLANs"
    ip link delete vlan77
    on tagged camera
    running tagged 20
    network tagged '.[1].ips[0] | startswith("10.77.2.")'
    inside tagged ip -d link show net1 | grep -q "vlan protocol 802.1Q id 77"
    drop tagged
}

@test "a bridge, and a device of the host that comes back; an interface with a name of its own" {
    on three "hall@plc0,card@lan1"
    running three 20
    network three 'map(.interface) == ["eth0", "plc0", "lan1"]'
    inside three ip link show lan1
    run ip link show spare0
    [ "$status" = 1 ]
    drop three
    within 5 ip link show spare0
    within 3 ipam_is_empty
}

@test "what fails says so: no such network, no such plugin, one that fails, one that hangs; and leaves nothing" {
    on absent nowhere
    on without lacking
    on cut failing
    state absent '.message | contains("there is no network \"nowhere\"")' 20
    state without '.message | contains("no CNI plugin \"no-such-plugin\"")' 20
    state cut '.message | contains("the wire is cut")' 20
    drop absent without cut
    on stuck hanging
    state stuck '.message | contains("it did not answer within 30 s")' 60
    drop stuck
    within 5 ipam_is_empty
    [ -z "$(find "$N/run/netns" "$N/run/netns.state" -mindepth 1)" ]
}

@test "davit-net and davitd killed while a plugin works: the pod comes up whole, and goes whole" {
    local i
    for i in 0 1 2 3; do
        on "slow$i" slow
        sleep "0.$((i + 2))"
        if [ $((i % 2)) = 0 ]; then
            kill -9 "$(child davit-net)" || true
        else
            kill -9 "$(davitd_pid)"
            devnode_do davitd_start
        fi
        running "slow$i" 40
        network "slow$i" '.[1].interface == "net1" and (.[1].ips | length == 1)'
        inside "slow$i" ip -o address show net1 | grep -q 10.77.3.
        tombstone "slow$i"
        sleep "0.$((i + 1))"
        kill -9 "$(child davit-net)" || true
        within 30 silent "$T/state/default/pods/slow$i"
    done
    within 10 ipam_is_empty
    [ -z "$(ip -o link show master brhall)" ]
}
