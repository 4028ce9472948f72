# shellcheck shell=bash
# What devnode.sh is made of: processes by pid and start time, the mount namespace, mounts, waiting. Sourced; works on
# $dir (the node's folder) and $stage (the installed programs), and calls fail.
# shellcheck disable=SC2154 # dir, stage, runtime, url, watch, name and external are devnode.sh's

# Two callers on one folder take turns.
lock_dir() {
    exec {lock_fd}>"$dir/.lock"
    flock "$lock_fd"
}

# --- processes

# Field 22 of /proc/PID/stat; the name before it may hold blanks.
start_time() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # shellcheck disable=SC2086 # words are wanted
    set -- ${stat##*) }
    # A zombie has ended.
    [ "$1" != Z ] && echo "${20}"
}

# Starts "$@" in the background as a leader of its own, holding nothing of the caller's (a descriptor of bats, kept open,
# would make bats wait). The pid goes to FILE, its start time beside it.
background() {
    local file=$1 log=$2
    shift 2
    (
        for fd in /proc/"$BASHPID"/fd/*; do
            fd=${fd##*/}
            [ "$fd" -le 2 ] || eval "exec $fd>&-"
        done
        exec setsid "$@" </dev/null >>"$log" 2>&1
    ) &
    local pid=$!
    echo $pid >"$file"
    start_time $pid >"$(start_file "$file")" || true
    disown $pid
}

start_file() {
    local base=${1##*/}
    echo "$dir/.${base%.pid}.start"
}

# The pid in FILE, if that very process still lives.
pid_alive() {
    local pid start
    pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] || return 1
    start=$(start_time "$pid") && [ "$start" = "$(cat "$(start_file "$1")" 2>/dev/null)" ] || return 1
    echo "$pid"
}

davitd_runs() { pid_alive "$dir/davitd.pid" >/dev/null; }
broker_runs() { pid_alive "$dir/mosquitto.pid" >/dev/null; }

# Waits SECONDS for these pids to end.
pids_wait() {
    local tries=$(($1 * 50)) pid left
    shift
    while [ $tries -gt 0 ]; do
        left=no
        for pid in "$@"; do
            start_time "$pid" >/dev/null && left=yes
        done
        [ $left = yes ] || return 0
        sleep 0.02
        tries=$((tries - 1))
    done
    return 1
}

pid_stop() {
    local pid
    if pid=$(pid_alive "$1"); then
        kill "$pid" 2>/dev/null || true
        if ! pids_wait 10 "$pid"; then
            echo "devnode.sh: process $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline")) did not end in 10 s; killing it" >&2
            kill -9 "$pid" 2>/dev/null || true
            pids_wait 5 "$pid" || true
        fi
    fi
    rm -f "$1"
}

# Davit's own processes that belong to this folder: they name it on their command line or hold a file below it. With
# PATTERN: only programs whose path is like that, and with NOT not like that.
node_pids() { # [PATTERN [NOT]]
    local exe proc
    # One find for all of /proc: a machine may have thousands of processes.
    # shellcheck disable=SC2044 # these paths have no blanks
    for exe in $(find /proc/[0-9]*/exe -maxdepth 0 -lname "${1:-*}" ! -lname "${2:-}" \( -lname '*/davitd*' -o -lname '*/davit-*' \
        -o -lname '*/conmon*' -o -lname '*/crun*' -o -lname '*/mosquitto*' \) 2>/dev/null); do
        proc=${exe%/exe}
        if grep -zqsF "$dir/" "$proc/cmdline" ||
            [ -n "$(find "$proc/fd" -lname "$dir/*" -print -quit 2>/dev/null)" ]; then
            echo "${proc#/proc/}"
        fi
    done
}

# Processes whose root is an overlay of this node: its containers, whoever supervises them.
container_pids() {
    { grep -sHF "$dir/" /proc/[0-9]*/mountinfo 2>/dev/null || true; } |
        awk '$5 == "/" && / - overlay / { split($1, part, "/"); print part[3] }'
}

davitd_stop() {
    pid_stop "$dir/davitd.pid"
    # Its children leave when their socket closes.
    local pids
    for _ in {1..100}; do
        pids=$(node_pids '*/davit-*' '*/davit-pause') # which is of a pod, and runs on
        [ -n "$pids" ] || return 0
        sleep 0.05
    done
    # shellcheck disable=SC2086 # a list of words
    kill -9 $pids 2>/dev/null || true
}

# --- ending

# Ends the containers, whoever supervises them. The folders of their cgroups are left in $groups: they can go when their
# conmons have gone too.
containers_end() {
    local pids pid
    pids=$(container_pids)
    groups=
    for pid in $pids $(node_pids); do
        groups="$groups $(cgroups_of "$pid")"
    done
    # shellcheck disable=SC2086 # a list of words
    [ -z "$pids" ] || { kill -9 $pids 2>/dev/null || true; pids_wait 5 $pids || true; }
    runtime_state_delete
}

# The folders of the process's cgroups that Davit made.
cgroups_of() {
    local controllers path
    while IFS=: read -r _ controllers path; do
        case $path in
        /davit/*) echo "/sys/fs/cgroup${controllers:+/${controllers#name=}}$path" ;;
        esac
    done <"/proc/$1/cgroup" 2>/dev/null || true
}

# With the folders above them, as far as they are empty: another node may have its own beside them.
cgroups_remove() {
    local group
    for group in "$@"; do
        while [ "${group##*/}" != cgroup ] && { rmdir "$group" 2>/dev/null || [ ! -d "$group" ]; }; do
            group=${group%/*}
        done
    done
}

# crun removes what it made for a container (its cgroup too) even when the container has long ended.
runtime_state_delete() {
    local status root id
    for status in "$dir"/run/*/*/status "$dir"/run/*/*/*/status; do
        grep -qs '"cgroup-path"' "$status" || continue
        id=$(basename "$(dirname "$status")")
        root=$(dirname "$(dirname "$status")")
        in_namespace crun --root "$root" delete --force "$id" 2>/dev/null || true
    done
}

# Everything of this node that still runs.
remains_end() {
    local pids pid broker
    broker=$(pid_alive "$dir/mosquitto.pid") || broker=
    for _ in {1..5}; do
        pids=
        for pid in $(node_pids) $(container_pids); do
            [ "$pid" = "$broker" ] || pids="$pids $pid"
        done
        [ -n "$pids" ] || return 0
        # shellcheck disable=SC2086 # a list of words
        { kill -9 $pids 2>/dev/null || true; pids_wait 2 $pids || true; }
    done
}

# --- mounts

mounts_below() {
    awk -v dir="$dir" 'index($5, dir "/") == 1 { print $5 }' /proc/self/mountinfo | sort -r
}

unmount_all() {
    local path
    if [ -e "$dir/ns/mnt" ]; then
        umount "$dir/ns/mnt" 2>/dev/null || true
        rm -f "$dir/ns/mnt" 2>/dev/null || true
    fi
    for path in $(mounts_below); do
        umount "$path" 2>/dev/null || umount -l "$path" || true
    done
    rmdir "$dir/ns" 2>/dev/null || true
}

# The run directory must be a tmpfs: bundles hold environments, and a reboot must empty it.
run_dir_prepare() {
    [ "$(stat -f -c %T "$dir/run")" != tmpfs ] || return 0
    [ "$(id -u)" -eq 0 ] || fail "only root can mount a tmpfs on $dir/run; use sudo, or a folder on a tmpfs (/dev/shm)"
    mount -t tmpfs -o mode=755,nosuid,nodev davit-run "$dir/run"
}

# crun refuses a tree of v1 controllers with a v2 one beside them. Without the v2 one it is content; so it is taken away
# in a mount namespace that is the node's, and stays: a rootfs mounted in one namespace is not seen in another. A libvirtd
# of the node's own is in it too.
namespace_prepare() {
    [ "${runtime:-crun}" = crun ] || return 0
    ! nsenter_works || return 0
    local hybrid=no
    ! grep -q ' /sys/fs/cgroup/unified .* - cgroup2 ' /proc/self/mountinfo || hybrid=yes
    [ $hybrid = yes ] || [ "${with_vm:-no}" = yes ] || return 0
    [ "$(id -u)" -eq 0 ] || fail "containers on this machine need root; use sudo, or --runtime fake"
    mkdir -p "$dir/ns"
    mountpoint -q "$dir/ns" || mount --bind "$dir/ns" "$dir/ns"
    mount --make-private "$dir/ns"
    : >"$dir/ns/mnt"
    namespace_pin || fail "could not keep a mount namespace as $dir/ns/mnt"
    [ $hybrid = no ] || in_namespace umount /sys/fs/cgroup/unified
    [ "${with_vm:-no}" = no ] || in_namespace bash -euc "$(declare -f libvirt_mounts); dir=$dir; libvirt_mounts"
}

# A namespace can only be bound in an older one, and newer kernels (seen: 6.18) tell the age by a number that each CPU
# takes from a batch of its own. In the first namespace of a machine any will do; in another one, the CPU it was made on.
namespace_pin() {
    local cpu
    unshare --mount="$dir/ns/mnt" true 2>/dev/null && return 0
    for ((cpu = 0; cpu < $(nproc); cpu++)); do
        taskset -c "$cpu" unshare --mount="$dir/ns/mnt" true && return 0
    done
    return 1
}

nsenter_works() {
    [ -e "$dir/ns/mnt" ] && nsenter --mount="$dir/ns/mnt" true 2>/dev/null
}

# The words in front of a command that runs in the node's mount namespace.
namespace_words() {
    if nsenter_works; then
        echo nsenter "--mount=$dir/ns/mnt" "--wdns=${1:-/}" --
    fi
}

in_namespace() {
    # shellcheck disable=SC2046 # words are wanted
    env $(namespace_words "$PWD") "$@"
}

# --- the broker

# Nobody listens there (connections that are going away do not count).
port_is_free() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$(printf ':%04X' "$1")" \
        '$4 == "0A" && index($2, port) { found = 1 } END { exit found }'
}

broker_write_conf() {
    mkdir -p "$dir/broker"
    cat >"$dir/mosquitto.conf" <<CONF
per_listener_settings true
set_tcp_nodelay true
max_queued_messages 0
persistence true
persistence_location ./
autosave_interval 60
log_dest stderr
log_type error
log_type warning
log_type notice
listener $1 127.0.0.1
allow_anonymous true
CONF
    if [ "$(id -u)" -eq 0 ] && id mosquitto >/dev/null 2>&1; then
        # Mosquitto leaves root itself. It reaches its folder as its working directory, whoever may enter the ones above.
        chown -R mosquitto: "$dir/broker"
        echo "user mosquitto" >>"$dir/mosquitto.conf"
    fi
}

broker_listens() {
    ! port_is_free "$1"
}

broker_start() {
    local port program
    program=$(PATH=$PATH:/usr/sbin command -v mosquitto) || fail "mosquitto is missing; run: sudo scripts/deps.sh run"
    port=$(cat "$dir/.port" 2>/dev/null) || port=
    # Who had it may have been killed just now.
    for _ in {1..100}; do
        { [ -n "$port" ] && ! port_is_free "$port"; } || break
        sleep 0.02
    done
    for _ in {1..10}; do
        # Below the range the kernel hands out by itself.
        [ -n "$port" ] && port_is_free "$port" || port=$((20000 + RANDOM % 12000))
        port_is_free "$port" || { port=; continue; }
        broker_write_conf "$port"
        background "$dir/mosquitto.pid" "$dir/mosquitto.log" \
            env -C "$dir/broker" "$program" -c "$dir/mosquitto.conf"
        for _ in {1..250}; do
            broker_runs || break
            if broker_listens "$port"; then
                echo "$port" >"$dir/.port"
                url=mqtt://127.0.0.1:$port watch=$url
                return 0
            fi
            sleep 0.02
        done
        port=
    done
    tail -n 20 "$dir/mosquitto.log" >&2
    fail "mosquitto did not start; above is the end of $dir/mosquitto.log"
}

# --- davitd

davitd_start() {
    local words
    words=$(namespace_words /)
    started_ms=$(date +%s%3N)
    # shellcheck disable=SC2086 # words are wanted
    background "$dir/davitd.pid" "$dir/davitd.log" ${words:-env} "$stage/usr/sbin/davitd" --config "$dir/davitd.conf"
}

# One retained topic, or nothing.
retained() {
    local address=${watch#*://}
    address=${address#*@}
    address=${address%%/*}
    mosquitto_sub -V 5 -h "${address%:*}" -p "${address##*:}" -t "davit/nodes/$name/$1" -C 1 -W 1 2>/dev/null || true
}

# Whether the topic says WORD, in a message of this start: an older one may be the will of the last life.
says() {
    local message ts
    message=$(retained "$1")
    ts=$(sed -n 's/.*"ts":\([0-9]*\).*/\1/p' <<<"$message")
    [ -n "$ts" ] && [ "$ts" -ge "${started_ms:-0}" ] && grep -qE "$2" <<<"$message"
}

node_wait() {
    local limit=20 end=$((SECONDS + 20))
    while [ $SECONDS -lt $end ]; do
        if ! davitd_runs; then
            tail -n 30 "$dir/davitd.log" >&2
            fail "davitd ended; above is the end of $dir/davitd.log"
        fi
        if says presence '"online":true' && says state '"ready":(true|1)'; then
            return 0
        fi
        sleep 0.1
    done
    tail -n 30 "$dir/davitd.log" >&2
    echo "presence: $(retained presence)" >&2
    echo "state: $(retained state)" >&2
    fail "the node was not online and ready within $limit s; above is the end of $dir/davitd.log"
}
