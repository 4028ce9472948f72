# shellcheck shell=bash
# What the lints share. A lint is run as `lint.sh ROOT`, prints one line a violation (file:line: what; what to do) and
# exits 1 if there was one.
set -euo pipefail
export LC_ALL=C

root=$(cd "${1:-$(dirname "$0")/../..}" && pwd)
cd "$root"
violations=0

violation() {
    echo "$*"
    violations=$((violations + 1))
}

finish() {
    [ "$violations" -eq 0 ]
}

# Files of the project by name, below these folders; what a build made is not looked at. files PATTERN FOLDER...
files() {
    local pattern=$1 folder
    shift
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -type d \( -name .git -o -name 'build*' -o -name autom4te.cache -o -name m4 \) \
            -prune -o -type f -name "$pattern" -print
    done | sed 's,^\./,,' | sort
}

c_files() {
    files '*.[ch]' src plugins include tests bench
}
