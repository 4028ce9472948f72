#!/bin/bash
# Every C source is in Makefile.am (else nobody compiles it), and every cap of limits.h is held somewhere.
. "$(dirname "$0")/lib.sh"

while IFS= read -r file; do
    grep -qE "(^|[[:space:]])$file([[:space:]\\\\]|\$)" Makefile.am ||
        violation "$file: Makefile.am does not name it; add it to its program, or remove it"
done < <(files '*.c' src plugins tests bench)

if [ -e include/davit/limits.h ]; then
    while IFS= read -r cap; do
        grep -rqwF "$cap" src plugins 2>/dev/null ||
            violation "include/davit/limits.h: nothing holds $cap; hold it, or take it out"
    done < <(sed -nE 's/^#define (LIMIT_[A-Z_]+) .*/\1/p' include/davit/limits.h)
fi
finish
