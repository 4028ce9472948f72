# shellcheck shell=bash
# cgroup_manager=systemd: containers as scopes in a slice of their pod. Sourced by run.sh.

scoped_pod() { # NAME SLEEP MEMORY
    cat <<JSON
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"$1"},"spec":{"hostNetwork":true,"terminationGracePeriodSeconds":1,
 "shareProcessNamespace":true,"containers":[{"name":"main","image":"demo:1","command":["sleep","$2"],
 "resources":{"requests":{"cpu":"250m"},"limits":{"cpu":"500m","memory":"$3"}}}]}}
JSON
}

scope_of() { # SLEEP: its cgroup's folder; crun has the process in a folder of its own below it
    local folder
    folder=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(sleepers "$1")/cgroup")
    echo "${folder%/container}"
}

with_systemd() {
    printf '[runtime.crun]\ncgroup_manager = systemd\n' >/etc/davit/conf.d/scopes.conf
    systemctl restart davitd
    within 60 says presence '"online":true'
}

without_systemd() {
    rm /etc/davit/conf.d/scopes.conf
    systemctl restart davitd
    within 60 says presence '"online":true'
}

in_a_scope() {
    local folder
    folder=$(scope_of 1000003)
    echo "$folder"
    [[ $folder == /sys/fs/cgroup/davit.slice/davit-*.slice/davit-*-main-0.scope ]] || return 1
    systemctl is-active "$(basename "$folder")" "$(basename "$(dirname "$folder")")"
}

# file VALUE of the container's cgroup, and of its pod's
limits_are() { # MEMORY
    local folder
    folder=$(scope_of 1000003)
    head -v "$folder/container/memory.max" "$folder/container/cpu.max" "$folder/../memory.max" "$folder/../cpu.max"
    [ "$(cat "$folder/container/memory.max")" = "$1" ] && [ "$(cat "$folder/container/cpu.max")" = "50000 100000" ] &&
        [ "$(cat "$folder/../memory.max")" = "$1" ] && [ "$(cat "$folder/../cpu.max")" = "50000 100000" ]
}

resized() {
    local before
    before=$(sleepers 1000003)
    publish scoped "$(scoped_pod scoped 1000003 48Mi)"
    within 30 limits_are 50331648 || return 1
    systemctl daemon-reload
    limits_are 50331648 && [ "$(sleepers 1000003)" = "$before" ]
}

same_after() { # CMD...
    local before
    before=$(sleepers 1000003)
    "$@" || return 1
    within 60 says presence '"online":true' || return 1
    sleep 3
    echo "pid before: $before, after: $(sleepers 1000003)"
    [ -n "$before" ] && [ "$(sleepers 1000003)" = "$before" ] && limits_are 50331648
}

# Several, for systemd removes a scope with what it has counted, and is at times faster than conmon.
oom_is_told() {
    local name
    for name in eater-1 eater-2 eater-3 eater-4 eater-5; do
        publish $name '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"'$name'"},"spec":{"hostNetwork":true,"restartPolicy":"Never",
            "containers":[{"name":"main","image":"demo:1","command":["sh","-c","tail /dev/zero"],"resources":{"limits":{"memory":"16Mi"}}}]}}'
        within 60 says status/default/pods/$name OOMKilled || { retained status/default/pods/$name; return 1; }
        publish $name "$(tombstone $name)"
        within 30 topic_is_clear state/default/pods/$name || return 1
    done
}

# What the pod has counted was another container's.
killed_beside_oom() {
    publish beside '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"beside"},"spec":{"hostNetwork":true,"restartPolicy":"Never","containers":[
        {"name":"eater","image":"demo:1","command":["sh","-c","tail /dev/zero"],"resources":{"limits":{"memory":"16Mi"}}},
        {"name":"other","image":"demo:1","command":["sleep","1000006"]}]}}'
    within 60 says status/default/pods/beside OOMKilled || return 1
    within 30 one_runs 1000006 || return 1
    kill -9 "$(sleepers 1000006)"
    within 30 says status/default/pods/beside '"phase":"Failed"' || return 1
    retained status/default/pods/beside
    [ "$(retained status/default/pods/beside | grep -o '"reason":"OOMKilled"' | wc -l)" -eq 1 ] || return 1
    publish beside "$(tombstone beside)"
    within 30 topic_is_clear state/default/pods/beside
}

scope_goes() {
    local slice
    slice=$(basename "$(dirname "$(scope_of 1000003)")")
    publish scoped "$(tombstone scoped)"
    within 60 none_runs 1000003 || return 1
    within 30 topic_is_clear state/default/pods/scoped || return 1
    within 30 test ! -d "/sys/fs/cgroup/davit.slice/$slice" || return 1
    [ -z "$(child davit-pause)" ] && ! systemctl is-active "$slice"
}

scopes() {
    check "davitd starts with cgroup_manager=systemd" with_systemd
    publish scoped "$(scoped_pod scoped 1000003 32Mi)"
    check "a pod runs under it" within 60 one_runs 1000003
    check "in a scope, in a slice of its pod" in_a_scope
    check "with its limits, and the pod's" within 10 limits_are 33554432
    check "limits change while it runs, and a daemon-reload does not take them back" resized
    check "restart of the unit leaves it alone" same_after systemctl restart davitd
    check "daemon-reexec leaves it alone" same_after systemctl daemon-reexec
    check "davit-runtime killed comes back and adopts it" same_after kill_child davit-runtime
    check "what the kernel ends for want of memory is OOMKilled" oom_is_told
    check "but not what somebody kills beside it" killed_beside_oom
    check "a deleted pod's scope, slice and davit-pause go" scope_goes
    check "and back to cgroupfs" without_systemd
}
