#!/bin/bash
# Every installed program has a manual page, and every verb and flag of davit is in davit(1).
. "$(dirname "$0")/lib.sh"

programs() {
    sed -nE 's/^(bin|sbin|pkglibexec)_PROGRAMS = (.*)$/\2/p' Makefile.am | tr ' ' '\n'
}

for program in $(programs); do
    [ -n "$(find man -name "$program.[18].scd" 2>/dev/null)" ] ||
        violation "$program: there is no man/$program.8.scd; write a short one"
done
page=man/davit.1.scd
if [ -e "$page" ]; then
    while IFS= read -r verb; do
        grep -qE "^\*davit $verb(\*| )" "$page" || violation "$page: the verb $verb has no section"
    done < <(sed -nE 's/^ *\{"([a-z-]+)", SECTION_.*/\1/p' src/cli/verb_table.c)
    while IFS= read -r flag; do
        grep -qE -- "\*--$flag\*" "$page" || violation "$page: the flag --$flag is not in it"
    done < <(sed -nE 's/^ *\{"([a-z-]+)", .*FLAG_KIND_.*/\1/p' src/cli/flags.c)
fi
finish
