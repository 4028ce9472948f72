# shellcheck shell=bash
# A libvirtd of the node's own: it sees folders of the node as libvirt's, in the node's mount namespace, so that it meets no
# other one on this machine. Sourced by devnode.sh; works on $dir and devnode-lib.sh.
# shellcheck disable=SC2154 # dir and with_vm are devnode.sh's

libvirtd_runs() { pid_alive "$dir/libvirtd.pid" >/dev/null; }

# Called in the namespace when it is new: what libvirt finds under its usual names is the node's. Its configuration is the
# machine's, without the networks and domains that somebody may have there. Its cache, of what QEMU can do, is shared.
libvirt_mounts() {
    local part
    mkdir -p "$dir/libvirt"/{run,lib,log,etc} /run/libvirt /var/lib/libvirt /var/log/libvirt /etc/libvirt
    chmod 755 "$dir/libvirt" "$dir/libvirt"/*
    cp -n /etc/libvirt/*.conf "$dir/libvirt/etc/"
    for part in run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt etc:/etc/libvirt; do
        mount --bind "$dir/libvirt/${part%%:*}" "${part#*:}"
    done
}

# Some virtual machines have a /dev/kvm that answers and that no guest comes up on; what tells it is a processor without the means.
kvm_is_sham() {
    [ "$(uname -m)" = x86_64 ] && ! grep -qwE 'vmx|svm' /proc/cpuinfo
}

# In the node's namespace, as children of nobody: domains outlive them, as containers outlive davitd.
libvirtd_start() {
    local program words
    words=$(namespace_words /)
    for program in virtlogd libvirtd; do
        command -v /usr/sbin/$program >/dev/null || fail "$program is missing; run: sudo scripts/deps.sh vm"
        pid_alive "$dir/$program.pid" >/dev/null && continue
        # A socket of one that was killed looks as if somebody listened.
        rm -f "$dir/libvirt/run/${program/libvirtd/libvirt}-sock"
        # shellcheck disable=SC2086 # words are wanted
        background "$dir/$program.pid" "$dir/$program.log" ${words:-env} /usr/sbin/$program \
            --pid-file "$dir/libvirt/run/$program.pid"
    done
    for _ in {1..250}; do
        libvirtd_runs || break
        [ ! -S "$dir/libvirt/run/libvirt-sock" ] || return 0
        sleep 0.02
    done
    tail -n 20 "$dir/libvirtd.log" >&2
    fail "libvirtd did not start; above is the end of $dir/libvirtd.log"
}

libvirtd_stop() {
    # One that somebody stopped hears nothing.
    local pid
    ! pid=$(pid_alive "$dir/libvirtd.pid") || kill -CONT "$pid"
    pid_stop "$dir/libvirtd.pid"
    pid_stop "$dir/virtlogd.pid"
    rm -f "$dir/.libvirtd.start" "$dir/.virtlogd.start"
}

# The QEMUs of this node: libvirt gives each a mount namespace, made from the node's.
guest_pids() {
    local exe proc
    # shellcheck disable=SC2044 # these paths have no blanks
    for exe in $(find /proc/[0-9]*/exe -maxdepth 0 -lname '*/qemu-system-*' 2>/dev/null); do
        proc=${exe%/exe}
        ! grep -qsF "$dir/libvirt/run " "$proc/mountinfo" || echo "${proc#/proc/}"
    done
}

# Ends the node's machines as a power cut would, and tidies up what libvirtd would have.
guests_end() {
    local pids pid guest_groups=
    pids=$(guest_pids)
    [ ! -d "$dir/libvirt/run" ] || find "$dir/libvirt/run" -mindepth 1 -delete
    [ -n "$pids" ] || return 0
    for pid in $pids; do
        guest_groups="$guest_groups $(sed -n 's,^[^:]*:\([^:]*\):\(/machine/.*\),\1 \2,p' "/proc/$pid/cgroup" |
            while read -r controllers path; do echo "/sys/fs/cgroup${controllers:+/${controllers#name=}}$path"; done)"
    done
    # shellcheck disable=SC2086 # a list of words
    { kill -9 $pids 2>/dev/null || true; pids_wait 5 $pids || true; }
    # shellcheck disable=SC2086 # a list of words
    guest_cgroups_remove $guest_groups
}

guest_cgroups_remove() {
    local group
    for group in "$@"; do
        # QEMU is in a folder `emulator` or `vcpuN` of the machine's.
        group=$(sed 's,\(/machine/[^/]*\).*,\1,' <<<"$group")
        [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
        rmdir "${group%/*}" 2>/dev/null || true
    done
}
