#!/usr/bin/env bats
# VMs in the network: davit-net with taps, and guests behind them: namespaces that open a tap as QEMU does, and QEMU itself.

bats_require_minimum_version 1.5.0
load network

setup_file() {
    DIR=$(mktemp -d)
    export DIR STAGE=${DAVIT_STAGE:-$BATS_TEST_DIRNAME/../../build/stage}
}

teardown_file() {
    rm -rf "$DIR"
}

vm() { # WHAT
    net_alone net_vm.py "$1"
}

@test "a guest is told its address, gateway, name server, search list and name by DHCP, and the same again" {
    vm addresses
}

@test "DHCP answers nobody for whom nothing is reserved, and no pod" {
    vm strangers
}

@test "a VM is reached by its address, host ports and Services, reaches pods and what is outside, and is counted" {
    vm paths
}

@test "datagrams go to the next VM that has the port" {
    vm datagrams
}

@test "VMs and pods find each other by name, and the names' server is not touched by VMs that come and go" {
    vm names
}

@test "a VM's second address is IPv6" {
    vm ipv6
}

@test "a guest takes nobody's address, and cannot give back what another one has" {
    vm spoofing
}

@test "what is no VM is refused, and leaves nothing" {
    vm garbage
}

@test "the servers have the rights that they need, a tap is root's, and nothing listens elsewhere" {
    vm sandbox
}

@test "davit-net killed at 40 moments makes a VM's network whole, or takes it away" {
    vm kills
}

@test "a guest keeps what it has while davit-net or its server is away, and when its power goes" {
    vm away
}

@test "what somebody takes away by hand is made again" {
    vm healing
}

@test "two nodes on one machine answer their own VMs alone" {
    vm neighbours
}

@test "an address that another VM had, and another one for the same VM, are given at once" {
    vm handed_on
}

@test "a real guest boots, finds a pod by its short name, and is found by it; davit-net is killed meanwhile" {
    compgen -G '/boot/vmlinuz-*-cloud-amd64' >/dev/null || skip 'no kernel for a guest: package linux-image-cloud-amd64'
    command -v qemu-system-x86_64 >/dev/null || skip 'no QEMU: package qemu-system-x86'
    command -v cpio >/dev/null || skip 'no cpio: package cpio'
    net_alone net_qemu.py boots
}
