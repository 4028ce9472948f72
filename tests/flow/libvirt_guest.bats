#!/usr/bin/env bats
# The libvirt plugin and what is inside a guest: its agent, its disks and their snapshots, what it uses. See libvirt.bash.

bats_require_minimum_version 1.5.0
load libvirt.bash

disk='{"name":"data","kind":"disk","bus":"virtio"}'
volume='{"name":"data","emptyDisk":{"capacityBytes":16777216}}'

# snap UID ATTEMPT DO [NAME] [MORE]
snap() {
    call snapshot "$1" "$(vm_ref "$1" "$2" ",\"object\":\"default/virtualmachines/hmi\",\"do\":\"$3\",\"name\":\"${4-}\"${5-}")"
}

# What the guest's disk begins with, written and read at its console.
write_disk() { echo "say printf $1 | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null; echo wrote-\$((1))"; }
read_disk() { echo "say echo it-has-\$(dd if=/dev/vda bs=5 count=1 2>/dev/null)"; }

@test "the guest's agent runs commands, answers ping, and says who the guest is" {
    command -v qemu-ga >/dev/null || skip "qemu-guest-agent is not installed"
    {
        echo "until opened"
        boot "$UID1" 0 "" "" "" initrd-agent
        told '"guestAgent":true'
        call exec - "$(vm_ref "$UID1" 0 ',"ping":true,"timeoutMs":5000')"
        echo "wait 3"
        call exec - "$(vm_ref "$UID1" 0 ',"command":["/bin/sh","-c","echo in $((6*7)); exit 3"],"timeoutMs":10000')"
        echo "wait 4"
        call exec - "$(vm_ref "$UID1" 0 ',"command":["/bin/sleep","60"],"timeoutMs":1500')"
        echo "wait 5"
        call exec - "$(vm_ref "$UID1" 0 ',"command":["/bin/absent"],"timeoutMs":5000')"
        echo "wait 6"
        told '"guestOs":"Test Linux 1"'
        call stop "$UID1" "$(vm_ref "$UID1" 0)" # its agent finds no shutdown there: the button it is, then
        exited "$UID1" 0
    } | play "$PLUGIN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    grep '"id":3' "$NODE/out" | grep -q '"exitCode":0,"timedOut":false'
    grep '"id":4' "$NODE/out" | grep -qF '"exitCode":3,"timedOut":false,"output":"in 42\n"'
    grep '"id":5' "$NODE/out" | grep -q '"timedOut":true'
    grep '"id":6' "$NODE/out" | grep -q '"exitCode":126'
    console_of "$UID1" 0 | grep -aq 'guest: the power button'
}

@test "a guest without an agent fails its ping, and holds nobody" {
    {
        echo "until opened"
        boot "$UID1" 0
        echo "mark"
        call exec - "$(vm_ref "$UID1" 0 ',"ping":true,"timeoutMs":2000')"
        echo "wait 3"
        echo "lap ping"
    } | play "$PLUGIN" > "$NODE/out"
    grep '"id":3' "$NODE/out" | grep -q '"exitCode":1,"timedOut":false,"output":"the guest.s agent does not answer'
    [ "$(grep '"lap"' "$NODE/out" | grep -o '[0-9]*')" -lt 6000000 ]
}

@test "a snapshot is taken while the guest writes and while it is off, gone back to, and deleted; its disk outlives its document" {
    {
        echo "until opened"
        boot "$UID1" 0 "" "$disk" "$volume"
        up "$UID1" 0
        typed "$UID1" 0 'echo'
        write_disk first
        echo "seen $NODE/typed.0 wrote-1"
        snap "$UID1" 0 take before
        echo "wait 4"
        snap "$UID1" 0 take before
        echo "wait 5"
        write_disk after
        read_disk
        echo "seen $NODE/typed.0 it-has-after"
        snap "$UID1" 0 restore before
        echo "wait 6"
        call stop "$UID1" "$(vm_ref "$UID1" 0 ',"force":true')"
        exited "$UID1" 0
        call remove "$UID1" "$(vm_ref "$UID1" 0)"
        echo "wait all"
        snap "$UID1" 0 take off
        snap "$UID1" 0 restore before
        call release "$UID1" "{\"uid\":\"$UID1\"}"
        echo "wait all"
        boot "$UID2" 0 "" "$disk" "$volume"
        up "$UID2" 0
        typed "$UID2" 0 'echo'
        read_disk
        echo "seen $(log_path "$UID2" 0) it-has-first"
        snap "$UID2" 0 delete before
        snap "$UID2" 0 list
        echo "wait 16"
    } | play "$PLUGIN" > "$NODE/out"
    grep '"id":4,' "$NODE/out" | grep -q '"snapshots":\[{"name":"before","createdMs":[0-9]*}\]'
    grep '"id":5,' "$NODE/out" | grep -q '"reason":"AlreadyExists"'
    grep '"id":6,' "$NODE/out" | grep -q '"reason":"StillRunning"'
    [ "$(grep -c '"ok":false' "$NODE/out")" = 2 ]
    grep '"id":16,' "$NODE/out" | grep -q '"snapshots":\[{"name":"off","createdMs":[0-9]*}\]'
    grep "$UID2" "$NODE/out" | grep -q '"state":"created".*"snapshots":\[{"name":"before"'
}

@test "a claim cannot have a snapshot, and that is said" {
    mkdir -p "$NODE/claim"
    {
        echo "until opened"
        call create "$UID1" "$(vm "$UID1" 0 "" "$disk" "{\"name\":\"data\",\"claim\":{\"path\":\"$NODE/claim\",\"sizeBytes\":16777216}}")"
        snap "$UID1" 0 take before
        snap "$UID1" 0 take '../up'
        echo "wait all"
    } | play "$PLUGIN" > "$NODE/out"
    grep '"id":2' "$NODE/out" | grep -q '"result":"invalid","reason":"Unsupported","message":"its volume data is a claim'
    grep '"id":3' "$NODE/out" | grep -q '"result":"invalid"'
}

@test "a snapshot of a guest with an agent freezes its file systems, and thaws them" {
    command -v qemu-ga >/dev/null || skip "qemu-guest-agent is not installed"
    {
        echo "until opened"
        boot "$UID1" 0 "" "$disk" "$volume" initrd-agent
        told '"guestAgent":true'
        snap "$UID1" 0 take frozen ',"freeze":true'
        echo "wait 3"
        call exec - "$(vm_ref "$UID1" 0 ',"command":["/bin/echo","alive"],"timeoutMs":10000')"
        echo "wait 4"
    } | play "$PLUGIN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    grep '"id":4' "$NODE/out" | grep -qF '"exitCode":0,"timedOut":false,"output":"alive\n"'
    in_ns sh -c "cat $RUN/vms/*/record.json" | grep -q '"frozen":false'
}

@test "what a guest uses is told, for the workloads that are asked for" {
    {
        echo "until opened"
        boot "$UID1" 0 "" "$disk" "$volume"
        up "$UID1" 0
        typed "$UID1" 0 'dd if=/dev/zero of=/dev/vda bs=1M count=4 conv=fsync; echo wrote-$((1))'
        echo "seen $NODE/typed.0 wrote-1"
        call stats - "{\"uids\":[\"$UID1\"]}"
        call stats - "{\"uids\":[\"$UID2\"]}"
        call stats - "{}"
        echo "hangup"
        echo "wait all"
    } | play "$PLUGIN" > "$NODE/out"
    grep '"id":4,' "$NODE/out" | grep -qE '"cpuNs":[1-9][0-9]{8,}.*"memoryBytes":201326592.*"rssBytes":[1-9].*"ioWriteBytes":4[0-9]{6}'
    grep '"id":5,' "$NODE/out" | grep -q '"instances":\[\]'
    grep '"id":6,' "$NODE/out" | grep -q "$UID1"
}

@test "a guest that stands still is told as paused, and runs on" {
    {
        echo "until opened"
        boot "$UID1" 0
        up "$UID1" 0
        told '"paused":true,"pausedReason":"Paused"'
        echo "lap paused"
        echo 'until "paused":false'
    } | play "$PLUGIN" > "$NODE/out" &
    within 30 grep -aqs 'guest: up' "$(log_path "$UID1" 0)"
    virsh_ suspend "$(domain_of "$UID1")"
    within 10 grep -q '"lap":"paused"' "$NODE/out"
    virsh_ resume "$(domain_of "$UID1")"
    wait $!
    ! grep -q '"state":"exited"' "$NODE/out"
}

@test "a disk that has no room left stops the guest, and is told as an IO error" {
    local small="$NODE/state"
    mkdir -p "$small"
    in_ns mount -t tmpfs -o size=2m tmpfs "$small"
    {
        echo "until opened"
        boot "$UID1" 0 "" "$disk" "$volume"
        up "$UID1" 0
        typed "$UID1" 0 'dd if=/dev/urandom of=/dev/vda bs=1M count=8 conv=fsync'
        told '"paused":true'
    } | play "$PLUGIN" > "$NODE/out"
    grep -q '"state":"running".*"paused":true,"pausedReason":"IOError"' "$NODE/out"
    domains_end
    in_ns umount -l "$small"
}

@test "a guest that writes without an end fills its log, and not the disk; the newest stays" {
    {
        echo "until opened"
        boot "$UID1" 0
        up "$UID1" 0
        typed "$UID1" 0 'yes a-line-of-forty-bytes-that-is-written-again | head -c 300000; echo the-last-$((1+1))'
        echo "seen $NODE/typed.0 the-last-2"
        echo "seen $(log_path "$UID1" 0) the-last-2"
        echo "hangup"
        call stop "$UID1" "$(vm_ref "$UID1" 0 ',"force":true')"
        exited "$UID1" 0
        call remove "$UID1" "$(vm_ref "$UID1" 0)"
        echo "wait all"
    } | play "$PLUGIN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    [ "$(find "$NODE/logs" -name '0.log*' | wc -l)" = 3 ]
    [ "$(cat "$NODE"/logs/*/compute/0.log* | wc -c)" -le 220000 ]
    call release "$UID1" "{\"uid\":\"$UID1\"}" | { echo "until opened"; cat; echo "wait all"; } | play "$PLUGIN" > "$NODE/out2"
    [ -z "$(ls "$NODE/logs")" ]
}

# libvirtd cleans up after a QEMU that was killed for a second or two, and lends its UUID to nobody meanwhile.
@test "a machine whose QEMU was killed just now is begun again under another pod" {
    local round uid out="$NODE/out"
    reached() { grep -qs "\"lap\":\"$1\"" "$out"; }
    {
        echo "until opened"
        for round in 1 2 3; do
            uid=$(cat /proc/sys/kernel/random/uuid)
            call create "$uid" "$(vm "$uid" 0)"
            call start "$uid" "$(vm_ref "$uid" 0)"
            echo "wait all"
            echo "lap $round"
            within 30 reached "$round"
            domains_end
        done
    } | play "$PLUGIN" > "$out"
    assert_all_ok "$out"
}
