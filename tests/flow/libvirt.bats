#!/usr/bin/env bats
# davit-runtime with the libvirt plugin: a real libvirtd, real QEMU, a guest that says on its console what it does. See
# libvirt.bash.

bats_require_minimum_version 1.5.0
load libvirt.bash

# ended FILE: how the instance's end was told, in one line
ended() { grep -o '"exitCode":[0-9]*.*"reason":"[A-Za-z]*"' "$1" | tail -n 1; }

@test "a guest is created, started, hears the power button, and leaves nothing behind" {
    {
        echo "until opened"
        boot "$UID1" 0
        up "$UID1" 0
        call create "$UID1" "$(vm "$UID1" 0)"
        call start "$UID1" "$(vm_ref "$UID1" 0)"
        echo "wait all"
        call stop "$UID1" "$(vm_ref "$UID1" 0)"
        exited "$UID1" 0
        call list - ""
        echo "wait all"
    } | play "$PLUGIN" > "$NODE/out"
    assert_all_ok "$NODE/out"
    [ "$(ended "$NODE/out")" = '"exitCode":0,"reason":"Completed"' ]
    [ "$(console_of "$UID1" 0 | grep -ac 'guest: up')" = 1 ] # doing it twice made no second one
    console_of "$UID1" 0 | grep -aq 'guest: the power button'
    grep '"instances"' "$NODE/out" | grep -q '"record":{"hash":"h1"}.*"emulated":true'
    [ -z "$(qemu_pids)" ]
    {
        echo "until opened"
        call list - ""
        echo "wait all"
        call remove "$UID1" "$(vm_ref "$UID1" 0)"
        echo "wait all"
        call release "$UID1" "{\"uid\":\"$UID1\",\"gone\":true}"
        echo "wait all"
        call list - ""
        echo "wait all"
    } | play "$PLUGIN" > "$NODE/out2"
    assert_all_ok "$NODE/out2"
    grep '"id":1' "$NODE/out2" | grep -q '"exitCode":0,"reason":"Completed"' # a later host knows it
    grep -q '"instances":\[\],"pods":\[\]' "$NODE/out2"
    [ -z "$(in_ns find "$RUN/vms" "$NODE/state" "$NODE/logs" -mindepth 2)" ]
    [ -z "$(in_ns cat /proc/self/mountinfo | grep "$RUN/" || true)" ]
}

@test "a guest that powers off, one that panics, a QEMU that is killed and a forced end are told apart" {
    local uid3 uid4
    uid3=$(cat /proc/sys/kernel/random/uuid)
    uid4=$(cat /proc/sys/kernel/random/uuid)
    {
        echo "until opened"
        boot "$UID1" 0 do=poweroff
        exited "$UID1" 0
        boot "$UID2" 0 do=crash
        exited "$UID2" 0
        boot "$uid3" 0
        up "$uid3" 0
    } | play "$PLUGIN" > "$NODE/out"
    grep "$UID1" "$NODE/out" | grep -q '"exitCode":0,"reason":"Completed"'
    grep "$UID2" "$NODE/out" | grep -q '"exitCode":1,"reason":"Crashed","message":"the guest.s kernel panicked"'
    console_of "$UID2" 0 | grep -aq 'Kernel panic'
    kill -9 "$(qemu_pids)" # nobody looks, but libvirtd
    within 10 eval "! is_running $uid3"
    {
        echo "until opened"
        call list - ""
        boot "$uid4" 0
        call stop "$uid4" "$(vm_ref "$uid4" 0 ',"force":true')"
        OUT=$NODE/out2 exited "$uid4" 0
    } | play "$PLUGIN" > "$NODE/out2"
    grep '"instances"' "$NODE/out2" | grep -o "\"uid\":\"$uid3\".*" | grep -q '"exitCode":1,"reason":"Crashed"'
    grep "$uid4" "$NODE/out2" | grep -q '"exitCode":137,"signal":9,"reason":"Destroyed"'
}

@test "a QEMU that is killed under the host's eyes is told as a crash" {
    {
        echo "until opened"
        boot "$UID1" 0
        up "$UID1" 0
        exited "$UID1" 0
    } | play "$PLUGIN" > "$NODE/out" &
    within 30 grep -aqs 'guest: up' "$(log_path "$UID1" 0)"
    kill -9 "$(qemu_pids)"
    wait $!
    grep -q '"exitCode":1,"reason":"Crashed","message":"QEMU ended by itself' "$NODE/out"
}

@test "what is typed at the serial console reaches the guest, one at a time, and the log goes on; a reboot is no end" {
    {
        echo "until opened"
        boot "$UID1" 0
        up "$UID1" 0
        typed "$UID1" 0 'echo heard-$((6*7))'
        echo "seen $NODE/typed.0 heard-42"
        echo "seen $(log_path "$UID1" 0) heard-42"
        call exec - "$(vm_ref "$UID1" 0 ',"stream":true,"console":"serial"')"
        echo "wait 4"
        echo "hangup"
        echo "wait 3"
        typed "$UID1" 0 'reboot -f'
        told '"reboots":1'
        echo "say "
        echo "seen $NODE/typed.0 guest: up"
        echo "say poweroff -f"
        exited "$UID1" 0
        echo "wait all"
    } | play "$PLUGIN" > "$NODE/out"
    grep '"id":4' "$NODE/out" | grep -q '"reason":"ConsoleInUse"'
    [ "$(grep -c '"ok":false' "$NODE/out")" = 1 ]
    [ "$(console_of "$UID1" 0 | grep -ac 'guest: up')" = 2 ]
    grep '"state":"exited"' "$NODE/out" | grep -q '"exitCode":0,"reason":"Completed".*"reboots":1'
    ! grep '"reboots":1' "$NODE/out" | grep '"state":"running"' | grep -q exitCode
}

@test "a host that is killed leaves the guest running, and the next one adopts it; starting again starts nothing" {
    {
        echo "until opened"
        boot "$UID1" 0
        up "$UID1" 0
        echo "kill"
        echo "restart"
        echo "until opened"
        call list - ""
        call create "$UID1" "$(vm "$UID1" 0)"
        call start "$UID1" "$(vm_ref "$UID1" 0)"
        echo "wait all"
        call remove "$UID1" "$(vm_ref "$UID1" 0)"
        echo "wait 6"
        typed "$UID1" 0 'echo still-$((1+1))'
        echo "seen $NODE/typed.0 still-2"
        call stop "$UID1" "$(vm_ref "$UID1" 0 ',"force":true')"
        exited "$UID1" 0
    } | play "$PLUGIN" > "$NODE/out"
    grep '"id":3' "$NODE/out" | grep -q '"state":"running".*"record":{"hash":"h1"}'
    grep '"id":6' "$NODE/out" | grep -q '"reason":"StillRunning"'
    [ "$(console_of "$UID1" 0 | grep -ac 'guest: up')" = 1 ]
}

@test "libvirtd killed and started again: lost and back are told, the guest is adopted, and its end then is known" {
    {
        echo "until opened"
        boot "$UID1" 0
        VM_NAME=press boot "$UID2" 0
        up "$UID1" 0
        VM_NAME=press up "$UID2" 0
        told '"event":"lost"'
        call list - ""
        echo "wait all"
        told '"event":"back"'
        call list - ""
        echo "wait all"
        call stop "$UID1" "$(vm_ref "$UID1" 0)"
        exited "$UID1" 0
    } | play "$PLUGIN" > "$NODE/out" &
    within 40 grep -aqs 'guest: up' "$(log_path "$UID1" 0)"
    within 40 grep -aqs 'guest: up' "$(VM_NAME=press log_path "$UID2" 0)"
    daemon_end libvirtd -KILL
    within 10 grep -q '"LibvirtUnavailable"' "$NODE/out"
    kill -9 "$(qemu_pid "$UID2")" # nobody sees it
    libvirtd_start
    wait $!
    grep '"id":5' "$NODE/out" | grep -q '"result":"unavailable","reason":"LibvirtUnavailable","message":".*systemctl start libvirtd'
    grep '"id":6' "$NODE/out" | grep -q "\"uid\":\"$UID1\"[^}]*\"state\":\"running\""
    grep "$UID2" "$NODE/out" | grep -q '"state":"exited".*"exitCode":1,"reason":"Crashed"'
    grep '"state":"exited"' "$NODE/out" | grep "$UID1" | grep -q '"exitCode":0,"reason":"Completed"'
    [ "$(console_of "$UID1" 0 | grep -ac 'guest: up')" = 1 ]
}

@test "libvirtd stopped: within 30 s list says what to do, calls do not pile up, and it heals by itself" {
    {
        echo "until opened"
        boot "$UID1" 0
        up "$UID1" 0
        echo "seen $NODE/stopped yes"
        echo "mark"
        echo "call stop $UID1 2000 $(vm_ref "$UID1" 0)"
        echo "wait 3"
        told '"event":"lost"'
        echo "lap lost"
        call list - ""
        call stats - "{}"
        call start "$UID1" "$(vm_ref "$UID1" 0)"
        echo "wait all"
        told '"event":"back"'
        call list - ""
        echo "wait all"
    } | play "$PLUGIN" > "$NODE/out" &
    within 40 grep -aqs 'guest: up' "$(log_path "$UID1" 0)"
    libvirtd_signal -STOP
    echo yes >"$NODE/stopped"
    within 60 grep -q '"id":6' "$NODE/out"
    libvirtd_signal -CONT
    wait $!
    # The plugin and the host both see that its time is over: either may say it.
    grep '"id":3' "$NODE/out" | grep -qE '"result":"(deadline|unavailable)"'
    [ "$(grep -E '"id":[456],' "$NODE/out" | grep -c '"result":"unavailable","reason":"LibvirtUnavailable"')" = 3 ]
    grep '"id":4' "$NODE/out" | grep -q 'systemctl restart libvirtd helps'
    [ "$(grep '"lap":"lost"' "$NODE/out" | grep -o '[0-9]*')" -lt 30000000 ]
    grep '"id":7' "$NODE/out" | grep -q '"instances":\[{'
}

@test "with libvirtd away open succeeds, and what is wrong is said until it is back" {
    daemon_end libvirtd -TERM
    {
        echo "until opened"
        call list - ""
        call create "$UID1" "$(vm "$UID1" 0)"
        echo "wait all"
        told '"event":"back"'
        call list - ""
        echo "wait all"
    } | play "$PLUGIN" > "$NODE/out" &
    within 20 grep -q '"id":2' "$NODE/out"
    libvirtd_start
    wait $!
    grep -q '"op":"opened".*"version":"libvirt (away)"' "$NODE/out"
    [ "$(grep -c '"result":"unavailable","reason":"LibvirtUnavailable"' "$NODE/out")" = 2 ]
    grep '"id":3' "$NODE/out" | grep -q '"ok":true'
}

@test "a domain of somebody else is neither listed nor touched, even under our name" {
    local xml="$DIR/foreign.xml"
    printf '<domain type="qemu"><name>%s</name><memory>65536</memory><os><type machine="q35">hvm</type></os></domain>' \
        "$(domain_of "$UID1")" > "$xml"
    virsh_ create "$xml"
    {
        echo "until opened"
        call list - ""
        boot "$UID1" 0
        call stop "$UID1" "$(vm_ref "$UID1" 0 ',"force":true')"
        echo "wait all"
    } | play "$PLUGIN" > "$NODE/out"
    grep '"id":1' "$NODE/out" | grep -q '"instances":\[\]'
    grep '"id":3' "$NODE/out" | grep -q '"reason":"RunContainerError","message":"there is a domain .* that is not Davit.s'
    is_running "$UID1"
    virsh_ destroy "$(domain_of "$UID1")"
}
