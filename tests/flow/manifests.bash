# shellcheck shell=bash
# Manifests as Kubernetes has them, each run for real: what its first lines say must come true, in their order. They run all
# at once, and are judged one after the other, by all that was told of them.
#
#   # until: JQ                  the pod's status came to say so, after what the line before it waited for
#   # now: JQ                    its newest status says so
#   # log: CONTAINER REGEX       its log holds that
#   # exec: CONTAINER CMD => RE  a command in it writes that
#   # event: REGEX               "Reason message" of an event of this pod
#   # pub: RESOURCE/NAME JSON    a document is published
#   # delete: NAME, file: NAME TEXT, refused: TEXT, cgroup: CONTAINER FILE VALUE…, podcgroup: FILE VALUE…, resize: JQ, fetch: PORT TEXT

# The words of the pod's status that the tests wait for come within so many seconds.
MANIFEST_SECONDS=40

# All of them at once; OUTDIR in one is a folder of its own. What is refused by its own words, davit would not publish.
manifests_apply() {
    local file name refused=refused-as-by-the-api
    mkdir -p "$DIR/manifests"
    for file in "$BATS_TEST_DIRNAME"/manifests/*.yaml; do
        name=$(basename "$file" .yaml)
        mkdir -p "$DIR/out/$name"
        chmod 777 "$DIR/out/$name"
        sed "s|OUTDIR|$DIR/out/$name|" "$file" >"$DIR/manifests/$name.yaml"
    done
    chmod 755 "$DIR/out"
    mv "$DIR/manifests/$refused.yaml" "$DIR/$refused.yaml"
    node davit apply -f "$DIR/manifests" >"$DIR/apply" 2>&1 || true
    grep -v '^#' "$DIR/$refused.yaml" | tr -d '\n' | publish "$T/desired/default/pods/$refused"
    mv "$DIR/$refused.yaml" "$DIR/manifests/$refused.yaml"
}

manifests_delete() {
    node davit delete -f "$DIR/manifests" --wait=60 >"$DIR/delete" 2>&1 || cat "$DIR/delete"
}

manifest() { # NAME
    local line verb rest
    SEEN=1 OUT=$DIR/out/$1
    while IFS= read -r line; do
        verb=${line%%: *} rest=${line#*: }
        "manifest_${verb#\# }" "$1" "$rest" || { echo "# $line"; grep -F "/$1 " "$DIR/apply"; status_of "$1"; return 1; }
    done < <(grep '^# [a-z]*: ' "$DIR/manifests/$1.yaml")
}

status_of() {
    said "$T/status/default/pods/$1"
}

# A status that says so, from the SEENth that was told of the pod on; the search goes on behind it.
came_to_say() { # POD JQ
    local at
    at=$(grep -aF "$T/status/default/pods/$1 " "$DIR/record" | cut -d' ' -f2- | tail -n +"$SEEN" |
        jq -s "[.[] | [try ($2) catch false] | last | if . then true else false end] | index(true) // -1" 2>/dev/null)
    [ "${at:--1}" -ge 0 ] && SEEN=$((SEEN + at))
}

manifest_until() {
    within "$MANIFEST_SECONDS" came_to_say "$1" "$2"
}

manifest_now() {
    status "$1" "$2" "$MANIFEST_SECONDS"
}

log_has() { # POD CONTAINER REGEX
    cat "$N"/state/logs/default_"$1"_*/"$2"/*.log 2>/dev/null | cut -d' ' -f4- | tr '\n' ' ' | grep -qE -- "$3"
}

manifest_log() {
    within 5 log_has "$1" "${2%% *}" "${2#* }" || { cat "$N"/state/logs/default_"$1"_*/*/*.log; return 1; }
}

# The id that crun knows the newest attempt of a container by.
crun_id() { # POD CONTAINER
    local uid
    uid=$(status_of "$1" | jq -r .metadata.uid | tr -d -)
    find "$N/run/crun/bundles" -maxdepth 1 -name "${uid:0:12}-$2-*" -printf '%f\n' | sort -V | tail -1
}

exec_has() { # POD CONTAINER CMD REGEX
    # shellcheck disable=SC2086 # a command's words
    "$TOP/scripts/devnode.sh" exec "$N" crun --root "$N/run/crun/crun" --cgroup-manager=cgroupfs exec \
        "$(crun_id "$1" "$2")" $3 2>&1 | grep -v '^Defaulting' | tr -d '\n' | grep -qE -- "$4"
}

manifest_exec() {
    local rest=${2#* }
    within 10 exec_has "$1" "${2%% *}" "${rest%% => *}" "${rest#* => }"
}

event_has() { # POD REGEX
    grep -aF "$T/events " "$DIR/record" | cut -d' ' -f2- |
        jq -r --arg pod "$1" 'select(.involvedObject.name == $pod) | "\(.reason) \(.message)"' | grep -qE -- "$2"
}

manifest_event() {
    within 10 event_has "$1" "$2"
}

manifest_pub() {
    mosquitto_pub -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -r -t "$T/desired/default/${2%% *}" -m "${2#* }"
}

manifest_delete() {
    drop "$2"
}

manifest_file() {
    local name=${2%% *}
    [ "$(cat "$OUT/$name")" = "${2#* }" ] || { cat "$OUT/$name"; return 1; }
}

manifest_refused() {
    status "$1" '.status.conditions[] | select(.type == "Accepted") | .status == "False"'
    status_of "$1" | jq -r '.status.conditions[] | select(.type == "Accepted") | .message' | grep -qF -- "$2"
}

# The file of a cgroup v1 hierarchy, as the node's own view has it.
cgroup_has() { # POD CONTAINER FILE VALUE
    local uid id
    uid=$(status_of "$1" | jq -r .metadata.uid)
    id=$(crun_id "$1" "$2")
    "$TOP/scripts/devnode.sh" exec "$N" sh -c "cat /sys/fs/cgroup/*/davit/$uid/$2-${id##*-}/$3" 2>/dev/null | grep -qx -- "$4"
}

manifest_cgroup() {
    local words
    read -ra words <<<"$2"
    for ((i = 1; i < ${#words[@]}; i += 2)); do
        within 10 cgroup_has "$1" "${words[0]}" "${words[i]}" "${words[i + 1]}" || return 1
    done
}

pod_cgroup_has() { # POD FILE VALUE
    "$TOP/scripts/devnode.sh" exec "$N" sh -c "cat /sys/fs/cgroup/*/davit/$(status_of "$1" | jq -r .metadata.uid)/$2" 2>/dev/null | grep -qx -- "$3"
}

manifest_podcgroup() {
    local words
    read -ra words <<<"$2"
    for ((i = 0; i < ${#words[@]}; i += 2)); do
        within 10 pod_cgroup_has "$1" "${words[i]}" "${words[i + 1]}" || return 1
    done
}

manifest_resize() {
    held "$T/desired/default/pods/$1" | jq -c "$2"' | .metadata.annotations["davit/generation"] |= (tonumber + 1 | tostring)' |
        mosquitto_pub -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -r -t "$T/desired/default/pods/$1" -s
}

fetches() { # PORT TEXT
    [ "$(curl -s --max-time 2 "http://127.0.0.1:$1/")" = "$2" ]
}

manifest_fetch() {
    within 5 fetches "${2%% *}" "${2#* }"
}
