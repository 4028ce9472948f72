#!/bin/bash
# Who may include what: rooms by tests/lint/uses.table, libraries by the part after its blank line.
. "$(dirname "$0")/lib.sh"
table=$(dirname "$(readlink -f "$0")")/uses.table

declare -A allowed
declare -A library_users
while read -r kind name users; do
    case $kind in
    room) allowed[$name]=$users ;;
    library) library_users[$name]=$users ;;
    esac
done <"$table"

# The path of FILE matches one of the patterns.
is_user() {
    local file=$1 pattern
    shift
    set -f
    # shellcheck disable=SC2048
    for pattern in $*; do
        # shellcheck disable=SC2053 # a pattern is meant
        if [[ $file == $pattern ]]; then
            set +f
            return 0
        fi
    done
    set +f
    return 1
}

check_room() {
    local place=$1 room=$2 target=$3 first=${3%%/*}
    # A header without a folder stands beside its user.
    [ "$first" != "$target" ] || return 0
    [ "$first" != "$room" ] || return 0
    [ "plugins/$first" != "$room" ] || return 0
    case " ${allowed[$room]} " in
    *" $first "*) ;;
    *) violation "$place: $room includes \"$target\"; it may use only: ${allowed[$room]:-itself}" ;;
    esac
}

check_library() {
    local place=$1 file=$2 target=$3 name
    for name in "${!library_users[@]}"; do
        # shellcheck disable=SC2053 # a pattern is meant
        [[ $target == $name ]] || continue
        is_user "$file" "${library_users[$name]}" ||
            violation "$place: includes <$target>; its only users are: ${library_users[$name]}"
    done
}

for file in $(files '*.[ch]' src plugins); do
    case $file in
    src/*) room=${file#src/} room=${room%%/*} ;;
    plugins/*) room=plugins ;;
    esac
    if [ -z "${allowed[$room]+set}" ]; then
        violation "$file:1: room $room is not in tests/lint/uses.table; say there what it may use"
        continue
    fi
    while IFS=: read -r line text; do
        target=${text#*include}
        target=${target#"${target%%[![:space:]]*}"}
        case $target in
        '"davit/'*) target=${target#\"} && check_library "$file:$line" "$file" "${target%%\"*}" ;;
        '"'*) target=${target#\"} && check_room "$file:$line" "$room" "${target%%\"*}" ;;
        '<'*) target=${target#<} && check_library "$file:$line" "$file" "${target%%>*}" ;;
        esac
    done < <(grep -nE '^[[:space:]]*#[[:space:]]*include' "$file" || true)
done

# ARCHITECTURE.md says the same, where it says it in words that are all rooms.
if [ -e ARCHITECTURE.md ]; then
    while read -r room said; do
        wanted=$(tr ' ' '\n' <<<"${allowed[$room]-}" | sort | xargs)
        case $said in
        itself) said= ;;
        'all above') continue ;;
        esac
        said=$(tr -s ', ' '\n' <<<"$said" | sed '/^include/d' | sort | xargs)
        [ "$said" = "$wanted" ] ||
            violation "ARCHITECTURE.md: src/$room uses '$said' there, but '$wanted' in tests/lint/uses.table"
    done < <(sed -nE 's,^src/([a-z]+)/ .*[^a-z]uses: *(.*[^ ]) *$,\1 \2,p' ARCHITECTURE.md)
fi
finish
