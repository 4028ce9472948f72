#!/bin/bash
# Functions of at most 60 lines and complexity 15 (pmccabe), files of at most 500 lines.
. "$(dirname "$0")/lib.sh"
command -v pmccabe >/dev/null || { echo "pmccabe is missing; run: scripts/deps.sh test"; exit 1; }

mapfile -t sources < <(c_files)
while read -r complexity _ _ _ lines place; do
    [ "$lines" -le 60 ] || violation "$place: $lines lines; a function has at most 60, so give a part of it a name"
    [ "$complexity" -le 15 ] || violation "$place: complexity $complexity; at most 15, so split it or use a table"
done < <([ ${#sources[@]} -eq 0 ] || pmccabe "${sources[@]}" 2>/dev/null | tr '\t' ' ')

for file in "${sources[@]}" $(files '*.sh' scripts tests bench) $(files '*.py' scripts tests bench) $(files '*.bats' tests); do
    lines=$(wc -l <"$file")
    [ "$lines" -le 500 ] || violation "$file: $lines lines; a file has at most 500, so give a part of it a file"
done
finish
