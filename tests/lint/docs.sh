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

# Whoever reads a reason on a topic finds it in the documents.
while IFS=: read -r file line reason; do
    grep -qwF -- "$reason" docs/*.md || violation "$file:$line: the reason $reason is in no document; docs/protocol.md is the place"
done < <(find src/core src/protocol src/model -name '*.c' -exec grep -HnoE '(refusal_set|core_event)\([^"]*"[A-Z][A-Za-z]+"' {} + 2>/dev/null |
    sed -E 's/^([^:]*:[0-9]+:).*"([A-Za-z]+)"$/\1\2/')
finish
