#!/bin/sh
# Writes the schema's steps as C strings: embed.sh FILE.sql… > schema.h
set -eu
echo "static const char *const store_schema[] = {"
for sql in "$@"; do
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/    "&\\n"/' "$sql"
    echo "    ,"
done
echo "};"
