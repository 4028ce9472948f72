#!/bin/bash
# Links in the documents lead to a file that is there, and to a heading that is in it.
. "$(dirname "$0")/lib.sh"

# GitHub's way from a heading to an anchor.
anchors() {
    sed -nE 's/^#+ +(.*)$/\1/p' "$1" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

for file in $(files '*.md' .); do
    while IFS=: read -r line link; do
        target=${link#\](}
        target=${target%)}
        case $target in
        *://* | mailto:*) continue ;;
        esac
        path=${target%%#*}
        base=$file
        if [ -n "$path" ]; then
            base=$(dirname "$file")/$path
            if [ ! -e "$base" ]; then
                violation "$file:$line: $target: there is no such file"
                continue
            fi
        fi
        case $target in
        *.md#* | '#'*)
            anchors "$base" | grep -qxF -- "${target#*#}" || violation "$file:$line: $target: there is no such heading"
            ;;
        esac
    done < <(grep -noE '\]\([^) ]+\)' "$file" || true)
done
finish
