#!/usr/bin/env bats
# davit cp on the device: what kubectl cp does with files and folders, and what a hostile container cannot do.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    flow_node
    put main '.spec.containers += [{name: "side", image: "demo:1", command: ["sleep", $m + "1"]}]'
    state main '.state == "Running" and .containersReady == 2'
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
    chmod 755 "$OUT"
    cd "$OUT" || return 1
}

cp_() {
    node davit cp "$@"
}

ex() {
    node davit exec "$@"
}

no_stage_left() {
    [ -z "$(find "$OUT" -name '.davit-cp-*')" ]
}

@test "a file goes in and comes out unchanged, with its name or another, into a folder that is there" {
    head -c 3000000 /dev/urandom >bytes
    cp_ bytes main:/tmp/in
    cp_ main:/tmp/in back
    cmp bytes back
    cp_ bytes main:/tmp
    ex main -c main -- cmp /tmp/in /tmp/bytes
    cp_ bytes main:/tmp/
    mkdir folder
    cp_ default/main:/tmp/in folder
    cmp bytes folder/in
    cp_ main:/tmp/in folder/other
    cmp bytes folder/other
    # What is there is replaced.
    echo short >short
    cp_ short main:/tmp/in
    [ "$(ex main -c main -- cat /tmp/in)" = short ]
    cp_ main:/tmp/in back
    [ "$(cat back)" = short ]
    no_stage_left
}

@test "folders, with links, modes, empty ones and strange names; into one that is there, and again" {
    mkdir -p tree/a/b tree/empty
    printf 'x\n' >tree/a/b/f
    chmod 750 tree/a/b/f
    ln -s a/b/f tree/l
    ln tree/a/b/f tree/hard
    printf 'y\n' >'tree/-a &|\ b'
    printf 'z\n' >$'tree/new\nline'
    cp_ tree main:/tmp/tree
    cp_ main:/tmp/tree back
    diff -r --no-dereference tree back
    [ "$(stat -c %a back/a/b/f)" = 750 ]
    [ "$(readlink back/l)" = a/b/f ]
    # Into a folder that is there: below its name, as kubectl has it; and out of it the contents.
    ex main -- mkdir /tmp/there
    cp_ tree main:/tmp/there
    cp_ main:/tmp/there back2
    diff -r --no-dereference tree back2/tree
    cp_ main:/tmp/tree/ back3
    diff -r --no-dereference tree back3
    cp_ tree/. main:/tmp/there
    cp_ main:/tmp/there/a/b/f f
    # Again over what is there.
    rm back/a/b/f
    echo old >back/l2
    cp_ main:/tmp/tree back
    [ "$(cat back/a/b/f back/l2)" = $'x\nold' ]
    no_stage_left
}

@test "of two containers the one that is named; of a person's link and /dev/stdout what they mean" {
    ex main -c side -- sh -c 'echo of side > /tmp/s'
    cp_ -c side main:/tmp/s s
    [ "$(cat s)" = "of side" ]
    run -0 --separate-stderr cp_ main:/etc/hosts hosts
    [ "$stderr" = 'Defaulted container "main" out of: main, side' ]
    echo target >target
    ln -s target link
    cp_ -c side main:/tmp/s link
    [ "$(readlink link)" = target ]
    [ "$(cat target)" = "of side" ]
    local before
    before=$(stat -c %i /dev/stdout)
    [ "$(cp_ -c side main:/tmp/s /dev/stdout)" = "of side" ]
    [ "$(stat -c %i /dev/stdout)" = "$before" ]
}

@test "what cannot be copied is said, and nothing is left" {
    run -1 cp_ main:/nope x
    contains "tar in the container could not read all of /nope"
    contains "No such file or directory"
    [ ! -e x ]
    run -4 cp_ nope:/x x
    contains 'pods "nope" not found'
    run -4 cp_ missing main:/x
    contains "missing: No such file or directory"
    run -2 cp_ a b
    contains "one place in a container"
    run -2 cp_ main:/a main:/b
    run -2 cp_ main:/a
    run -2 cp_ main: b
    run -2 cp_ main:/etc/hostname -
    contains "davit exec POD -- cat PATH"
    [ ! -e - ]
    run -4 cp_ main:/etc/hosts /nonexistent/folder/x
    contains "cannot make a folder in /nonexistent/folder"
    ex main -- ln -s /etc/hosts /tmp/link
    run -1 cp_ main:/tmp/link x
    contains "is a symbolic link to /etc/hosts there"
    run -1 cp_ "$DIR/demo.tar" main:/nope/x
    contains "tar in the container could not write /nope/x"
    no_stage_left
    # A container without tar.
    ex main -c side -- rm /bin/tar
    run -4 cp_ -c side main:/etc/hosts x
    contains "the container has no tar"
    echo x >y
    run -4 cp_ -c side y main:/tmp/y
    contains "davit exec -i main -- cat FILE"
    no_stage_left
}

@test "a hostile tar writes nothing outside its target, and reads nothing either" {
    local trick kind
    mkdir outside tricks
    echo secret >outside/secret
    python3 "$BATS_TEST_DIRNAME/cp_hostile.py" "$OUT/tricks" "$OUT/outside"
    put evil "$(shell 'rm /bin/tar; printf "#!/bin/sh\ncat /out/trick\n" > /bin/tar; chmod 755 /bin/tar; exec sleep '"$MARK")"
    running evil
    within 10 one_sleeps "$MARK"
    for trick in tricks/*.tar; do
        kind=$(basename "$trick" .tar)
        echo "# $kind"
        cp "$trick" trick
        mkdir -p "at/$kind"
        if [[ $kind == refused-* ]]; then
            run cp_ evil:/x "at/$kind/x"
            [ "$status" -ne 0 ]
            [ -n "$output" ]
            [ -z "$(ls -A "at/$kind")" ]
            # Nor into a folder that is there.
            run cp_ evil:/x "at/$kind"
            [ "$status" -ne 0 ]
            [ -z "$(ls -A "at/$kind")" ]
        else
            run cp_ evil:/x "at/$kind/x"
            [ "$status" = 0 ] || { echo "$output"; return 1; }
            [ "$(cat "at/$kind/x/good")" = good ] || [ "$kind" = harmless-closed-folder ]
        fi
        [[ $output != *$'\x1b'* && $output != *$'\x07'* ]]
        [ "$(ls -A outside)" = secret ]
        [ "$(cat outside/secret)" = secret ]
        [ "$(stat -c %h outside/secret)" = 1 ]
        [ ! -e escaped ] && [ ! -e at/escaped ] && [ ! -e "at/$kind/escaped" ]
        [ -z "$(find at -name escaped)" ]
        no_stage_left
    done
    # Of harmless ones what is left is harmless.
    [ -z "$(find at ! -type f ! -type d ! -type l)" ]
    [ -z "$(find at -perm /7000)" ]
    [ "$(find at -type l -printf '%f %l\n')" = "kept ../good" ]
    drop evil
}

@test "a link that somebody else put into the target is not gone through" {
    mkdir -p outside target
    echo secret >outside/secret
    ln -s ../outside target/d
    ln -s ../outside/secret target/f
    ex main -- sh -c 'mkdir -p /tmp/t/d; echo evil > /tmp/t/d/secret; echo new > /tmp/t/f'
    run -1 cp_ main:/tmp/t target
    contains "cannot write d"
    ex main -- rm -r /tmp/t/d
    cp_ main:/tmp/t target
    [ "$(cat target/f)" = new ]
    [ ! -L target/f ]
    [ "$(cat outside/secret)" = secret ]
    no_stage_left
}

@test "a copy that is interrupted leaves nothing" {
    put slow "$(shell 'rm /bin/tar; printf "#!/bin/sh\ntouch /out/began; exec sleep '"${MARK}5"'\n" > /bin/tar; chmod 755 /bin/tar; exec sleep '"$MARK")"
    chmod 777 "$OUT"
    running slow
    within 10 one_sleeps "$MARK"
    (. "$N/env" && exec davit cp slow:/x x) >log 2>&1 3>&- &
    local cli=$!
    within 10 one_sleeps "${MARK}5"
    [ -n "$(find "$OUT" -name '.davit-cp-*')" ]
    kill -INT "$cli"
    local code=0
    wait "$cli" || code=$?
    [ "$code" = 1 ]
    grep -q interrupted log
    within 5 none_sleeps "${MARK}5"
    no_stage_left
    drop slow
}
