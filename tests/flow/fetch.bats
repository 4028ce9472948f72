#!/usr/bin/env bats
# davit-fetch and a registry that lies: each answer ends in its reason, nothing wrong comes out, no password goes elsewhere.

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export TOP=$PWD STAGE=${DAVIT_STAGE:-$PWD/build/stage} DIR
    DIR=$(mktemp -d)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=test ca" \
        -keyout "$DIR/ca.key" -out "$DIR/ca.crt" 2>/dev/null
    certificate tls IP:127.0.0.1 2
    certificate other DNS:elsewhere.invalid 2
    certificate old IP:127.0.0.1 0
}

teardown_file() {
    rm -rf "$DIR"
}

certificate() { # NAME SUBJECT DAYS (0: it has expired)
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=registry" -keyout "$DIR/$1.key" \
        -out "$DIR/$1.csr" 2>/dev/null
    printf 'subjectAltName=%s\n' "$2" >"$DIR/$1.ext"
    if [ "$3" -gt 0 ]; then
        openssl x509 -req -in "$DIR/$1.csr" -CA "$DIR/ca.crt" -CAkey "$DIR/ca.key" -CAcreateserial -days "$3" \
            -extfile "$DIR/$1.ext" -out "$DIR/$1.crt" 2>/dev/null
        return
    fi
    mkdir -p "$DIR/ca"
    : >"$DIR/ca/index"
    echo 01 >"$DIR/ca/serial"
    printf '%s\n' '[ca]' 'default_ca=x' '[x]' "database=$DIR/ca/index" "serial=$DIR/ca/serial" "new_certs_dir=$DIR/ca" \
        'default_md=sha256' 'policy=p' '[p]' 'commonName=supplied' >"$DIR/ca/conf"
    openssl ca -batch -notext -config "$DIR/ca/conf" -in "$DIR/$1.csr" -cert "$DIR/ca.crt" -keyfile "$DIR/ca.key" \
        -extfile "$DIR/$1.ext" -startdate 20200101000000Z -enddate 20200102000000Z -out "$DIR/$1.crt" 2>/dev/null
}

@test "every answer of a hostile registry ends in its reason, and good ones are taken" {
    # a name server that does not answer says so before the connection's own time is over
    export RES_OPTIONS="timeout:1 attempts:1"
    run /usr/bin/python3 -B "$TOP/tests/flow/fetch_hostile.py" "$STAGE/usr/libexec/davit/davit-fetch" "$DIR"
    grep '^not ok' <<<"$output" || true
    echo "${lines[-1]}"
    [ "$status" -eq 0 ]
    [[ "${lines[-1]}" =~ ^#\ ([0-9]+)\ hostile,\ ([0-9]+)\ in\ all$ ]]
    [ "${BASH_REMATCH[1]}" -ge 60 ]
    [ "$(grep -c '^ok ' <<<"$output")" -eq "${BASH_REMATCH[2]}" ]
}
