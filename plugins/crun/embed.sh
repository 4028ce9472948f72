#!/bin/sh
# Writes a text file as one C string: embed.sh NAME FILE > header
set -eu
echo "static const char $1[] ="
sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^ *//' -e 's/.*/    "&\\n"/' "$2"
echo "    ;"
