# shellcheck shell=bash
# For the tests of owners: documents of any kind, and what is said of them.

want() { # RESOURCE/NAME, document on stdin
    publish "$T/desired/default/$1"
}

bury() { # RESOURCE/NAME KIND VERSION
    jq -nc --arg name "${1#*/}" --arg kind "$2" --arg version "$3" '{apiVersion: $version, kind: $kind,
        metadata: {name: $name, deletionTimestamp: "2026-11-24T10:00:00Z"}}' | want "$1"
}

owner() { # RESOURCE/NAME JQ [SECONDS]
    within "${3:-30}" says "$T/status/default/$1" "$2"
}

sleeping() { # COUNT MARK
    [ "$(sleepers "$2" | wc -w)" = "$1" ]
}

kill_davitd() {
    node "$TOP/scripts/devnode.sh" exec "$N" sh -c "kill -9 \$(cat '$N/davitd.pid')"
    devnode_do davitd_stop || true
    "$TOP/scripts/devnode.sh" restart "$N"
}
