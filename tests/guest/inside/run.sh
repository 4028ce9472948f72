#!/bin/bash
# The test inside the guest: boot 1 installs davitd, runs pods and disturbs it; boot 2 has no broker at first.
# shellcheck source=tests/guest/inside/tap.sh
. /guest-test/tap.sh
# shellcheck source=tests/guest/inside/scopes.sh
. /guest-test/scopes.sh
root=davit/nodes/guest
went_down=/var/lib/guest-test/went-down

# --- what is seen

# One retained message, or nothing.
retained() {
    mosquitto_sub -V 5 -h 127.0.0.1 -t "$root/$1" -C 1 -W 2
}

says() {
    retained "$1" | grep -E "$2"
}

publish() {
    mosquitto_pub -V 5 -h 127.0.0.1 -r -q 1 -t "$root/desired/default/pods/$1" -m "$2"
}

# The host's pids of the containers that run `sleep N`: one, or there is a second copy. The pattern is not its own text,
# or grep would find itself.
sleepers() {
    grep -lszx -- "${1%?}[${1: -1}]" /proc/[0-9]*/cmdline | cut -d/ -f3 | paste -sd' '
}

one_runs() {
    [[ $(sleepers "$1") =~ ^[0-9]+$ ]]
}

none_runs() {
    [ -z "$(sleepers "$1")" ]
}

pod() {
    cat <<JSON
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"$1"},"spec":{"hostNetwork":true,"terminationGracePeriodSeconds":1,
 "containers":[{"name":"main","image":"demo:1","command":["sleep","$2"]}]}}
JSON
}

tombstone() {
    echo '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"'"$1"'","deletionTimestamp":"2026-01-01T00:00:00Z"}}'
}

main_pid() {
    systemctl show -p MainPID --value davitd
}

child() {
    find /proc/[0-9]*/exe -maxdepth 0 -lname "/usr/libexec/davit/$1" 2>/dev/null | cut -d/ -f3
}

# --- steps

install_programs() {
    systemctl daemon-reload &&
        systemctl start mosquitto &&
        systemctl enable --now davitd
}

cgroup_is_its_own() {
    local path
    path=$(sed -n 's/^0:://p' "/proc/$(sleepers 1000001)/cgroup")
    echo "cgroup: $path"
    [ -n "$path" ] && [ "$path" != / ] || return 1
    case $path in
    *davitd.service* | *guest-entry*) return 1 ;;
    esac
    [ -d "/sys/fs/cgroup$path" ]
}

# undisturbed SLEEP CMD...: the container of `sleep SLEEP` is the same process before and after, and the node comes back.
undisturbed() {
    local marker=$1 before after
    shift
    before=$(sleepers "$marker")
    "$@" || return 1
    within 60 systemctl is-active davitd || return 1
    within 60 says presence '"online":true' || return 1
    within 60 says state '"ready":(true|1)' || return 1
    # What it would do wrongly, it would do now.
    sleep 3
    after=$(sleepers "$marker")
    echo "pid before: $before, after: $after"
    [ -n "$before" ] && [ "$before" = "$after" ] && says state/default/pods/web '"state":"Running"' &&
        says state/default/pods/web '"restarts":0'
}

kill_davitd() {
    local old
    old=$(main_pid)
    kill -9 "$old"
    within 30 new_main_pid "$old"
}

new_main_pid() {
    local now
    now=$(main_pid)
    [ "$now" -gt 0 ] && [ "$now" != "$1" ]
}

kill_child() {
    local old
    old=$(child "$1")
    [ -n "$old" ] || { echo "$1 does not run"; return 1; }
    # shellcheck disable=SC2086 # a list of pids
    kill -9 $old
    within 60 new_child "$1" "$old"
}

new_child() {
    local now
    now=$(child "$1")
    [ -n "$now" ] && [ "$now" != "$2" ]
}

stop_and_start() {
    systemctl stop davitd && one_runs 1000001 && systemctl start davitd
}

freeze() {
    local old
    old=$(main_pid)
    kill -STOP "$old"
    within 90 new_main_pid "$old"
}

delete_pod() {
    local group
    publish short "$(pod short 1000002)"
    within 60 one_runs 1000002 || return 1
    group=$(sed -n 's/^0:://p' "/proc/$(sleepers 1000002)/cgroup")
    publish short "$(tombstone short)"
    within 60 none_runs 1000002 || return 1
    within 30 test ! -d "/sys/fs/cgroup$group" || return 1
    within 30 topic_is_clear state/default/pods/short
}

# What cgroup v2 counts has other names than v1's.
top_counts() {
    local out key
    out=$(davit top pod web -o json) || return 1
    echo "$out"
    for key in cpu_cores io_read_bytes io_write_bytes cpu_throttled_ns cpu_throttled_periods; do
        grep -qE "\"$key\": [0-9]" <<<"$out" || return 1
    done
    grep -qE '"memory_bytes": [1-9]' <<<"$out" && grep -qE '"memory_rss_bytes": [1-9]' <<<"$out" &&
        grep -q '"pids": 1,' <<<"$out" && davit top node
}

# The shell would go on without its child; the kernel ends them together.
oom_ends_all() {
    publish greedy '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"greedy"},"spec":{"hostNetwork":true,"restartPolicy":"Never",
        "containers":[{"name":"main","image":"demo:1","command":["sh","-c","tail /dev/zero; sleep 1000003"],
        "resources":{"limits":{"memory":"16Mi"}}}]}}'
    within 120 says status/default/pods/greedy '"reason":"OOMKilled"' || return 1
    says status/default/pods/greedy '"exitCode":137' && none_runs 1000003 || return 1
    publish greedy "$(tombstone greedy)"
    within 60 topic_is_clear state/default/pods/greedy
}

topic_is_clear() {
    [ -z "$(retained "$1")" ]
}

# systemd waits 90 s for what does not hear SIGTERM, as `sleep` as process 1.
# What the unit that ends containers leaves behind is written down as the machine goes down. Systemd would wait 90 s for it.
watch_the_end() {
    mkdir -p /etc/systemd/system/davit-workloads.service.d
    cat >/guest-test/left.sh <<'LEFT'
#!/bin/sh
find /sys/fs/cgroup/davit -name cgroup.procs ! -path '*/conmon/*' -exec cat {} + >/guest-test/left
echo over >/guest-test/over
sync
LEFT
    chmod 755 /guest-test/left.sh
    printf '[Service]\nExecStopPost=/guest-test/left.sh\n' >/etc/systemd/system/davit-workloads.service.d/test.conf
    systemctl daemon-reload
}

nothing_was_left() {
    if [ ! -e /guest-test/over ]; then
        echo "the unit that ends containers did not come to its end"
        return 1
    fi
    cat /guest-test/left
    [ ! -s /guest-test/left ]
}

first_boot() {
    check "davitd starts under systemd and is ready" install_programs
    check "the node is online" within 30 says presence '"online":true'
    check "the system is cgroup v2 and systemd is pid 1" test -e /sys/fs/cgroup/cgroup.controllers -a -d /run/systemd/system
    check "an image is imported" davit image import /guest-test/demo.tar
    publish web "$(pod web 1000001)"
    check "a pod published with mosquitto_pub runs" within 60 says state/default/pods/web '"state":"Running"'
    check "one container runs" within 10 one_runs 1000001
    check "the container has a cgroup of its own, outside davitd's unit" cgroup_is_its_own
    check "systemctl restart leaves the container alone" undisturbed 1000001 systemctl restart davitd
    check "daemon-reload leaves the container alone" undisturbed 1000001 systemctl daemon-reload
    check "daemon-reexec leaves the container alone" undisturbed 1000001 systemctl daemon-reexec
    check "systemctl restart after them does too" undisturbed 1000001 systemctl restart davitd
    check "davitd killed comes back, the container stays" undisturbed 1000001 kill_davitd
    check "davit-link killed comes back, the container stays" undisturbed 1000001 kill_child davit-link
    check "davit-runtime killed comes back, the container stays" undisturbed 1000001 kill_child davit-runtime
    check "a davitd that hangs is ended by the watchdog, the container stays" undisturbed 1000001 freeze
    check "stop and start leave the container alone" undisturbed 1000001 stop_and_start
    check "a deleted pod ends, with its cgroup and its topics" delete_pod
    check "davit top knows what a container uses" top_counts
    check "a container that is out of memory ends as a whole" oom_ends_all
    check "the other pod is still the same" one_runs 1000001
    scopes
    watch_the_end
    : >$went_down
    exit 77
}

second_boot() {
    check "the containers had ended when the machine went down" nothing_was_left
    check "after a reboot there is no broker" bash -c '! systemctl is-active mosquitto'
    check "davitd is active without a broker" within 60 systemctl is-active davitd
    check "the pod runs again without a broker" within 90 one_runs 1000001
    check "the deleted one does not" none_runs 1000002
    systemctl start mosquitto
    check "with the broker back the node is online" within 150 says presence '"online":true'
    check "and says that the pod runs" within 60 says state/default/pods/web '"state":"Running"'
    publish web "$(tombstone web)"
    check "a tombstone ends it" within 60 none_runs 1000001
    check "davitd stops cleanly" bash -c 'systemctl stop davitd && ! systemctl is-failed davitd'
    check "nothing is left in davit's cgroups" bash -c '! find /sys/fs/cgroup -path "*davit*" -name cgroup.procs \
        -not -path "*/guest-entry*" -not -path "*davit-guest*" -exec cat {} + | grep .'
    plan
}

# For working on one part: DAVIT_GUEST_ONLY=scopes tests/guest/guest.sh
only_scopes() {
    check "davitd starts" install_programs
    check "an image is imported" within 30 davit image import /guest-test/demo.tar
    scopes
    plan
}

[ "$(cat /guest-test/only 2>/dev/null)" != scopes ] || set -- scopes
case $1 in
scopes) only_scopes ;;
1) first_boot ;;
*) second_boot ;;
esac
