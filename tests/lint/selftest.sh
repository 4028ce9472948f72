#!/bin/bash
# Each lint must be able to fail: it is shown a tree with one fault and must name it, and a clean one and must not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=
trap 'rm -rf "$tree"' EXIT
count=0 failed=0

fresh() {
    rm -rf "$tree"
    tree=$(mktemp -d)
    mkdir -p "$tree"/{src/base,src/model,src/link,plugins/crun,include/davit,scripts,docs}
    cat >"$tree/src/model/good.c" <<'C'
/* Not sprintf(), but snprintf(). */
#include "base/strbuf.h"
#include <string.h>

int good_value(void)
{
    return 1;
}
C
    echo 'x_SOURCES = src/model/good.c src/model/bad.c src/link/bad.c src/base/bad.c plugins/crun/bad.c' >"$tree/Makefile.am"
    printf '# Title\nSee [below](#the-rest) and [it](docs/a.md).\n## The rest\n' >"$tree/README.md"
    printf '# A\n' >"$tree/docs/a.md"
    # shellcheck disable=SC2016 # not to be expanded here
    printf '#!/bin/sh\necho "$1"\n' >"$tree/scripts/good.sh"
}

report() {
    count=$((count + 1))
    if [ "$1" = ok ]; then
        echo "ok $count - $2"
    else
        failed=$((failed + 1))
        echo "not ok $count - $2"
        sed 's/^/# /' <<<"${3:-}"
    fi
}

passes() {
    local out
    if out=$("$here/$1.sh" "$tree" 2>&1); then
        report ok "lint $1 is content with a clean tree"
    else
        report bad "lint $1 is content with a clean tree" "$out"
    fi
}

# finds LINT FAULT WHAT: the lint exits 1 and says WHAT.
finds() {
    local out status=0
    out=$("$here/$1.sh" "$tree" 2>&1) || status=$?
    if [ $status -eq 1 ] && grep -qF "$3" <<<"$out"; then
        report ok "lint $1 finds $2"
    else
        report bad "lint $1 finds $2" "exit $status: $out"
    fi
    fresh
}

lines() {
    local n
    for ((n = 0; n < $1; n++)); do
        echo "$2"
    done
}

fresh
for lint in uses size words built docs shell man; do
    passes $lint
done
echo '#include "core/inbox.h"' >"$tree/src/model/bad.c"
finds uses "an include of another room" 'model includes "core/inbox.h"'
echo '#include <sqlite3.h>' >"$tree/src/link/bad.c"
finds uses "a library outside its room" 'includes <sqlite3.h>'
echo '#  include   <uv.h>' >"$tree/src/base/bad.c"
finds uses "libuv outside wire" 'includes <uv.h>'
echo '#include "wire/peer.h"' >"$tree/plugins/crun/bad.c"
finds uses "a plugin that uses more than base" 'plugins includes "wire/peer.h"'
mkdir "$tree/src/cellar"
echo 'int a;' >"$tree/src/cellar/a.c"
finds uses "a room that is not in the table" 'room cellar'
echo 'src/model/  pure   uses: base wire' >"$tree/ARCHITECTURE.md"
finds uses "a document that says otherwise" "src/model uses 'base wire' there"
{ echo 'int f(int a) {'; lines 60 'a += 1;'; echo 'return a; }'; } >"$tree/src/model/bad.c"
finds size "a long function" 'a function has at most 60'
{ echo 'int f(int a) {'; lines 16 'if (a > 3) a += 1;'; echo 'return a; }'; } >"$tree/src/model/bad.c"
finds size "a branching function" 'at most 15'
lines 501 '/* */' >"$tree/src/model/bad.c"
finds size "a long file" 'a file has at most 500'
echo 'void f(char *a) { sprintf(a, "x"); }' >"$tree/src/model/bad.c"
finds words "sprintf" 'src/model/bad.c:1'
echo 'int f(void) { return system ("x"); } /* */' >"$tree/src/model/bad.c"
finds words "system" 'src/model/bad.c:1'
echo "/* TO""DO: later */" >"$tree/src/model/bad.c"
finds words "a promise" 'src/model/bad.c:1'
echo 'int a;' >"$tree/src/model/orphan.c"
finds built "a source that nobody builds" 'src/model/orphan.c'
echo '#define LIMIT_NOBODY 3' >"$tree/include/davit/limits.h"
finds built "a cap that nobody holds" 'LIMIT_NOBODY'
echo '[a](gone.md)' >"$tree/docs/b.md"
finds docs "a link to nowhere" 'docs/b.md:1: gone.md'
echo '[a](a.md#none)' >"$tree/docs/b.md"
finds docs "a link to no heading" 'no such heading'
echo '    refusal_set(refusal, "NeverHeardOf", "no");' >"$tree/src/model/bad.c"
finds docs "a reason that no document has" 'the reason NeverHeardOf'
# shellcheck disable=SC2016 # not to be expanded here
printf '#!/bin/sh\ncd $1\nrm -r $2/x\n' >"$tree/scripts/bad.sh"
finds shell "an unquoted path" 'scripts/bad.sh:2'
echo 'bin_PROGRAMS = orphan' >>"$tree/Makefile.am"
finds man "a program without a page" 'orphan: there is no man/orphan.8.scd'
mkdir -p "$tree/man" "$tree/src/cli"
echo '*davit get* _TYPE_' >"$tree/man/davit.1.scd"
printf '    {"get", SECTION_LOOK, "",\n    {"lose", SECTION_LOOK, "",\n' >"$tree/src/cli/verb_table.c"
printf '    {"hidden", 0, FLAG_KIND_SWITCH,\n' >"$tree/src/cli/flags.c"
finds man "a verb without a section" 'the verb lose has no section'
echo "1..$count"
[ $failed -eq 0 ]
