#!/usr/bin/env bats
# Workloads and images that try to get out of their container: each must fail, and the host's tree must be as it was.

bats_require_minimum_version 1.5.0
load davitd
load registry

setup_file() {
    flow_dir
    registry_dir
    OUTSIDE=$(mktemp -d) # what nobody is allowed
    export OUTSIDE
    mkdir "$OUTSIDE/deep"
    echo "the host's own" >"$OUTSIDE/secret"
    printf '[security]\nhost_paths = %s /dev\n' "$DIR" >"$DIR/escape.conf"
    make -C "${DAVIT_BUILD:-$BATS_TEST_DIRNAME/../../build}" escapedrive >/dev/null
    flow_node --conf "$DIR/escape.conf"
    tree >"$DIR/before"
}

teardown_file() {
    flow_end
    rm -rf "$OUTSIDE"
}

setup() {
    flow_test
}

# The host as far as an escape would change it.
tree() {
    find "$OUTSIDE" /etc /boot /usr/bin /usr/sbin -xdev -printf '%p %y %m %U:%G %s %T@ %l\n' 2>/dev/null | sort
    sha256sum "$(command -v crun)" "$(command -v conmon)" "$OUTSIDE/secret"
    cat /proc/sys/kernel/core_pattern
    hostname
}

# What a pod's main container came to write into its log.
log_of() {
    cat "$N"/state/logs/default_"$1"_*/main/*.log | cut -d' ' -f4-
}

# run_pod NAME JQ: a pod that runs to its end; its log is in $OUT/log.
run_pod() {
    put "$1" ".spec.restartPolicy = \"Never\" | $2"
    status "$1" '.status.phase | . == "Succeeded" or . == "Failed"' 20
    log_of "$1" >"$OUT/log"
    cat "$OUT/log"
    drop "$1"
}

# A jq program: main runs a shell.
sh_pod() {
    jq -rn --arg text "$1" '".spec.containers[0].command = [\"sh\", \"-c\", \($text | @json)]"'
}

waits() { # NAME REASON TEXT
    status "$1" ".status.containerStatuses[0].state.waiting | .reason == \"$2\" and (.message | contains(\"$3\"))" 10
}

# hostile_image NAME CMD...: busybox, and what CMD leaves in its root
hostile_image() {
    local name=$1
    shift
    umoci_image "$name" '' hostile_root "$@"
    rm -rf "$OUT/layout"
    mkdir -p "$OUT/layout"
    skopeo copy -q --insecure-policy "oci:$REG/oci:$name" "oci:$OUT/layout:$name"
    node davit image import "$OUT/layout" --name "$name:1"
}

hostile_root() {
    mkdir -p bin
    cp /bin/busybox bin/
    ln -s busybox bin/sh
    ln -s busybox bin/sleep
    ln -s busybox bin/cat
    ln -s busybox bin/ls
    "$@"
}

# ---- what the kernel is asked for

@test "no system call, device and file of the kernel leads out of a container" {
    cp "${DAVIT_BUILD:-$BATS_TEST_DIRNAME/../../build}/escapedrive" "$OUT/"
    local major
    major=$(stat -c %Hd "$(df --output=source / | tail -1)" 2>/dev/null || echo 8)
    run_pod kernel '.spec.containers[0].command = ["/out/escapedrive", "'"$(cat "$N/davitd.pid")"'", "'"$major"'"] |
        .spec.containers[0].volumeMounts = [{name: "out", mountPath: "/out"}] |
        .spec.volumes = [{name: "out", hostPath: {path: $out}}]'
    [ "$(wc -l <"$OUT/log")" -ge 40 ]
    run -1 grep ' ok$' "$OUT/log"
    local name
    for name in mount umount remount pivot_root open_tree unshare_user unshare_mount clone_user setns keyctl add_key \
        userfaultfd io_uring bpf perf_event init_module kexec open_by_handle_at syslog sethostname disk kmem; do
        grep -qx "$name EPERM" "$OUT/log" || { echo "$name"; return 1; }
    done
    # (a kernel may lack some of these files)
    for name in core_pattern sysrq irq modprobe; do
        grep -qxE "$name (EROFS|ENOENT)" "$OUT/log" || { echo "$name"; return 1; }
    done
    grep -qx "core_pattern EROFS" "$OUT/log"
    for name in kill_outside ptrace_outside; do
        grep -qxE "$name (ESRCH|EPERM)" "$OUT/log" || { echo "$name"; return 1; }
    done
}

@test "no descriptor of Davit's is open in a container, and its program is not crun's" {
    run_pod fds "$(sh_pod 'ls -l /proc/self/fd; readlink /proc/1/exe')"
    run -1 grep -E "$DIR|$N|memfd|/run/|/sys" "$OUT/log"
    [ "$(grep -c -- '->' "$OUT/log")" -le 4 ] # 0, 1, 2, and the folder that ls reads
    grep -qx /bin/busybox "$OUT/log"
}

@test "a working folder that is a descriptor leads nowhere" {
    local fd
    for fd in 3 7 8; do
        put workdir "$(sh_pod 'pwd; cat ../../../../etc/shadow; ls ../../..; true') |
            .spec.restartPolicy = \"Never\" | .spec.containers[0].workingDir = \"/proc/self/fd/$fd\""
        status workdir '.status.phase == "Succeeded" or (.status.containerStatuses[0].state.waiting.reason | test("Error$"))' 10
        run -1 grep -rsE 'root:|vmlinuz|lost\+found' "$N/state/logs/"
        drop workdir
    done
}

@test "/proc/self/exe as a command, and written to, is not crun" {
    put selfexe "$(sh_pod 'exit 0') | .spec.containers[0].command = [\"/proc/self/exe\"] | .spec.restartPolicy = \"Never\""
    status selfexe '.status.phase == "Failed" or .status.containerStatuses[0].state.waiting != null' 10
    drop selfexe
    run_pod overwrite "$(sh_pod 'cat /bin/busybox >/proc/1/exe; (for p in /proc/[0-9]*; do echo x >$p/exe; done); true')"
    sha256sum -c <(grep "$(command -v crun)" "$DIR/before")
}

@test "cgroups of the host and the container's own cannot be written" {
    run_pod cgroups "$(sh_pod 'for f in $(find /sys/fs/cgroup -name cgroup.procs -o -name release_agent -o -name memory.max -o -name memory.limit_in_bytes -o -name devices.allow); do
        (echo 1 >$f) 2>/dev/null && echo wrote $f; done; for d in /sys/fs/cgroup/ /sys/fs/cgroup/*/; do [ -e $d/cgroup.procs ] && echo looked && mkdir $d/x && echo wrote; done')"
    grep -q looked "$OUT/log"
    run -1 grep wrote "$OUT/log"
}

@test "processes, sockets and mounts of the host are not seen" {
    run_pod seen "$(sh_pod 'ls -d /proc/[0-9]* | wc -l; cat /proc/net/unix; cat /proc/self/mountinfo | cut -d" " -f5')"
    [ "$(head -1 "$OUT/log")" -le 4 ]
    run -1 grep -E "control|davit.sock|$OUTSIDE|^/var/lib" "$OUT/log"
}

# ---- images

@test "an image whose /dev, /proc, /sys, /etc or /run is a link is refused" {
    local name
    for name in dev proc sys etc run; do
        run -1 hostile_image "link-$name" ln -s "$OUTSIDE/deep" "$name"
        contains "'/$name' must be a folder"
    done
    [ -z "$(ls "$OUTSIDE/deep")" ]
}

@test "links in an image lead into the container: of mountPath, of a termination message, of what is read" {
    hostile_image links sh -c "mkdir -p a/b; ln -s '$OUTSIDE' data; ln -s ../../../../../../../../..$OUTSIDE up; ln -s '$OUTSIDE/secret' file"
    put links ".spec.containers[0].image = \"links:1\" | .spec.containers[0].imagePullPolicy = \"Never\" | .spec.restartPolicy = \"Never\" |
        .spec.containers[0].command = [\"sh\", \"-c\", \"cat /file /up/secret; echo x >/data/x; echo y >/up/y\"] |
        .spec.containers[0].terminationMessagePath = \"/up/message\" |
        .spec.volumes = [{name: \"v\", emptyDir: {}}] |
        .spec.containers[0].volumeMounts = [{name: \"v\", mountPath: \"/data/deep/mounted\"}, {name: \"v\", mountPath: \"/up/z\"}]"
    status links '.status.phase == "Failed" or .status.phase == "Succeeded" or .status.containerStatuses[0].state.waiting.reason != "ContainerCreating"' 20
    run -1 grep -rs "the host's own" "$N/state/logs/"
    drop links
    [ "$(ls "$OUTSIDE")" = "$(printf 'deep\nsecret')" ]
}

@test "a set-user-id program in an image gains nothing where escalation is not allowed" {
    hostile_image suid sh -c 'cp bin/busybox bin/su; chmod 4755 bin/su; ln -s su bin/id'
    run_pod suid '.spec.containers[0].image = "suid:1" | .spec.containers[0].imagePullPolicy = "Never" |
        .spec.containers[0].command = ["/bin/su", "id", "-u"] |
        .spec.containers[0].securityContext = {runAsUser: 1000, allowPrivilegeEscalation: false}'
    run -1 grep -x 0 "$OUT/log"
}

# ---- volumes

@test "a link below a volume does not lead subPath out of it" {
    mkdir "$OUT/v"
    ln -s "$OUTSIDE" "$OUT/v/abs"
    ln -s "../../../../../../../..$OUTSIDE" "$OUT/v/up"
    ln -s /proc/self/root "$OUT/v/magic"
    local sub
    for sub in abs abs/secret up up/deep magic/etc abs/new/deeper; do
        put sub ".spec.volumes = [{name: \"v\", hostPath: {path: \"\(\$out)/v\"}}] |
            .spec.containers[0].volumeMounts = [{name: \"v\", mountPath: \"/v\", subPath: \"$sub\"}]"
        status sub '.status.containerStatuses[0].state.waiting.message | test("subPath .* leads out of its volume|must be a relative path")' 10
        drop sub
    done
    [ "$(ls "$OUTSIDE")" = "$(printf 'deep\nsecret')" ]
}

@test "a subPath that changes between folder and link while it is looked at never shows the host" {
    mkdir -p "$OUT/v"
    put racer "$(shell 'cd /out/v; while :; do mkdir x 2>/dev/null; rmdir x; ln -s '"$OUTSIDE"' x; rm -f x; done')"
    running racer
    local i
    for i in 1 2 3 4 5 6; do
        put victim ".spec.restartPolicy = \"Never\" | .spec.volumes = [{name: \"v\", hostPath: {path: \"\(\$out)/v\"}}] |
            .spec.containers[0].volumeMounts = [{name: \"v\", mountPath: \"/v\", subPath: \"x\"}] |
            .spec.containers[0].command = [\"sh\", \"-c\", \"cat /v/secret; echo from inside >/v/inside; exit 0\"]"
        status victim '.status.phase != "Pending" or .status.containerStatuses[0].state.waiting.message != ""' 10
        drop victim
        [ "$(ls "$OUTSIDE")" = "$(printf 'deep\nsecret')" ]
    done
    run -1 grep -rs "the host's own" "$N/state/logs/"
    drop racer
}

@test "a link below an allowed folder does not lead hostPath out of it" {
    ln -s "$OUTSIDE" "$OUT/link"
    ln -s "$N/state" "$OUT/own"
    local path type
    for path in link link/deep link/secret own own/db; do
        put host ".spec.volumes = [{name: \"v\", hostPath: {path: \"\(\$out)/$path\"}}] |
            .spec.containers[0].volumeMounts = [{name: \"v\", mountPath: \"/v\"}]"
        waits host ContainerCreating "is not allowed on this device"
        drop host
    done
    for type in DirectoryOrCreate FileOrCreate ""; do
        put host ".spec.volumes = [{name: \"v\", hostPath: {path: \"\(\$out)/link/new\", type: \"$type\"}}] |
            .spec.containers[0].volumeMounts = [{name: \"v\", mountPath: \"/v\"}]"
        waits host ContainerCreating "is not allowed on this device"
        drop host
    done
    [ "$(ls "$OUTSIDE")" = "$(printf 'deep\nsecret')" ]
    # a link to what is allowed is a way like another
    mkdir "$OUT/real"
    echo inside >"$OUT/real/file"
    ln -s real "$OUT/good"
    run_pod host "$(sh_pod 'cat /v/file') | .spec.volumes = [{name: \"v\", hostPath: {path: \"\(\$out)/good\"}}] |
        .spec.containers[0].volumeMounts = [{name: \"v\", mountPath: \"/v\"}]"
    grep -qx inside "$OUT/log"
}

@test "what is mounted below a hostPath on the host is still there when the pod is gone" {
    mkdir -p "$OUT/v/below"
    node "$TOP/scripts/devnode.sh" exec "$N" sh -c "mount -t tmpfs tmpfs '$OUT/v' && mount --make-shared '$OUT/v' &&
        mkdir '$OUT/v/below' && mount -t tmpfs tmpfs '$OUT/v/below' && touch '$OUT/v/below/here'"
    run_pod submounts "$(sh_pod 'ls /v/below') | .spec.volumes = [{name: \"v\", hostPath: {path: \"\(\$out)/v\"}}] |
        .spec.containers[0].volumeMounts = [{name: \"v\", mountPath: \"/v\"}]"
    grep -qx here "$OUT/log"
    "$TOP/scripts/devnode.sh" exec "$N" test -e "$OUT/v/below/here"
    "$TOP/scripts/devnode.sh" exec "$N" umount "$OUT/v/below" "$OUT/v"
}

@test "names and paths with .. are refused before anything is made" {
    local part
    for part in '.spec.volumes = [{name: "../../x", emptyDir: {}}]' \
        '.spec.volumes = [{name: "v", hostPath: {path: "/srv/../etc"}}]' \
        '.spec.volumes = [{name: "v", configMap: {name: "c", items: [{key: "k", path: "../x"}]}}]' \
        '.spec.volumes = [{name: "v", emptyDir: {}}] | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v", subPath: "../.."}]' \
        '.spec.volumes = [{name: "v", persistentVolumeClaim: {claimName: "../x"}}]' \
        '.spec.containers[0].name = "../x"' '.spec.containers[0].terminationMessagePath = "/../x"' '.spec.containers[0].workingDir = "/../x"'; do
        put dots "$part"
        status dots '.status.conditions[] | select(.type == "Accepted") | .status == "False"' 10
        drop dots
    done
}

@test "a claim's link, and a device node in a volume, lead nowhere" {
    jq -nc '{apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: {name: "c"}, spec: {accessModes: ["ReadWriteOnce"],
        resources: {requests: {storage: "1Mi"}}}}' | publish "$T/desired/default/persistentvolumeclaims/c"
    run_pod first "$(sh_pod 'ln -s '"$OUTSIDE"' /c/link; mknod /c/mem c 1 1; mknod /c/disk b 8 0; cat /c/mem >/dev/null && echo read; cat /c/disk >/dev/null && echo read; true') |
        .spec.volumes = [{name: \"c\", persistentVolumeClaim: {claimName: \"c\"}}] | .spec.containers[0].volumeMounts = [{name: \"c\", mountPath: \"/c\"}]"
    run -1 grep -x read "$OUT/log"
    put second '.spec.volumes = [{name: "c", persistentVolumeClaim: {claimName: "c"}}] |
        .spec.containers[0].volumeMounts = [{name: "c", mountPath: "/c", subPath: "link"}]'
    waits second ContainerCreating "leads out of its volume"
    drop second
}

@test "the host's tree is as it was" {
    tree >"$OUT/after"
    diff "$DIR/before" "$OUT/after"
}
