#!/bin/bash
# Words that do not stand in this code: functions that cannot be used safely, and promises to do it later.
. "$(dirname "$0")/lib.sh"

banned='strcpy|strcat|sprintf|vsprintf|alloca|system|gets|strtok'
# Comments go first (lines keep their numbers), for a comment may name what it replaces.
strip_comments() {
    awk '{
        out = ""
        while (length($0)) {
            if (inside) {
                end = index($0, "*/")
                if (!end) break
                inside = 0
                $0 = substr($0, end + 2)
            } else {
                start = index($0, "/*")
                if (!start) { out = out $0; break }
                out = out substr($0, 1, start - 1)
                inside = 1
                $0 = substr($0, start + 2)
            }
        }
        sub(/\/\/.*/, "", out)
        print out
    }' "$1"
}

for file in $(c_files); do
    while IFS=: read -r line text; do
        violation "$file:$line: $(sed 's/^ *//' <<<"$text"): one of $banned; use strbuf, snprintf, strtok_r or posix_spawn"
    done < <(strip_comments "$file" | grep -nE "(^|[^A-Za-z0-9_])($banned)[[:space:]]*\(" || true)
done

# Spelt so that this file does not find itself.
later='TO''DO|FIX''ME|XX''X[^A-Z]|HA''CK:'
while IFS= read -r place; do
    violation "$place: do it, or open an issue"
done < <({ c_files; files '*.sh' scripts tests bench .ci; files '*.py' tests bench; files '*.md' .; files '*.bats' tests
    files 'Makefile.am' .; files 'configure.ac' .; } | sort -u |
    xargs -r grep -nE "(^|[^A-Za-z])($later)" /dev/null | grep -v mktemp || true)
finish
