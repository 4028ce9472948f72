#!/bin/sh
# The private CA of a plant, and the certificates of its broker and its nodes. Needs openssl alone.
#
#   scripts/broker-certs.sh DIR ca                  the CA: DIR/davit-ca.pem and .crl are for the broker, davit-ca.key for nobody
#   scripts/broker-certs.sh DIR broker NAME|IP...   DIR/broker.pem and .key, for all the names that nodes reach it by
#   scripts/broker-certs.sh DIR node NAME...        DIR/NAME.pem and .key of a node, a site's bridge or a program
#   scripts/broker-certs.sh DIR revoke NAME         its certificate is worth nothing any more: DIR/davit-ca.crl says so
#
# CA_DAYS (3650) and DAYS (825) say how long they are valid. A name that has a certificate keeps it: remove NAME.pem for a new one.
set -eu
umask 077

usage() {
    sed -n '4,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

fail() {
    echo "broker-certs.sh: $*" >&2
    exit 1
}

quietly() {
    "$@" 2>"$dir/.openssl.log" || { cat "$dir/.openssl.log" >&2; fail "openssl failed; above is what it said"; }
    rm -f "$dir/.openssl.log"
}

# The name becomes a topic's level: nothing else may stand in it, or one node would be another.
check_name() {
    case $1 in
    '' | -* | .* | *- | *. | *..* | *[!a-z0-9.-]* | nodes | groups | davit-ca | broker) fail "\"$1\" is no name of a node: a-z, 0-9, - and ." ;;
    esac
}

key_new() {
    quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

ca_conf() {
    cat >"$dir/ca.conf" <<CONF
[ca]
default_ca = davit
[davit]
database = $dir/ca.index
new_certs_dir = $dir/issued
certificate = $dir/davit-ca.pem
private_key = $dir/davit-ca.key
rand_serial = yes
default_md = sha256
unique_subject = no
policy = name
[name]
commonName = supplied
CONF
}

crl_new() {
    quietly openssl ca -config "$dir/ca.conf" -gencrl -crldays "${CA_DAYS:-3650}" -out "$dir/davit-ca.crl"
    chmod 644 "$dir/davit-ca.crl"
}

ca_make() {
    [ ! -e "$dir/davit-ca.key" ] || fail "$dir/davit-ca.key is there already"
    key_new "$dir/davit-ca.key"
    quietly openssl req -x509 -new -key "$dir/davit-ca.key" -days "${CA_DAYS:-3650}" -subj "/CN=Davit CA" -out "$dir/davit-ca.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    mkdir -p "$dir/issued"
    : >"$dir/ca.index"
    ca_conf
    crl_new
    chmod 644 "$dir/davit-ca.pem"
}

# certificate NAME EXTENSIONS: signs FILES NAME.key and NAME.pem
certificate() {
    [ -e "$dir/davit-ca.key" ] || fail "there is no CA in $dir: run $0 $dir ca"
    [ ! -e "$dir/$1.pem" ] || { echo "$dir/$1.pem is there already"; return; }
    key_new "$dir/$1.key"
    quietly openssl req -new -key "$dir/$1.key" -subj "/CN=$1" -out "$dir/$1.csr"
    printf '%s\n' "$2" >"$dir/$1.ext"
    quietly openssl ca -batch -notext -config "$dir/ca.conf" -days "${DAYS:-825}" -in "$dir/$1.csr" -out "$dir/$1.pem" \
        -extfile "$dir/$1.ext"
    rm -f "$dir/$1.csr" "$dir/$1.ext"
    chmod 644 "$dir/$1.pem"
}

broker_make() {
    names=
    for name in "$@"; do
        case $name in
        *[!0-9a-fA-F.:]* | *[!0-9.]*.*) names="$names,DNS:$name" ;;
        *.*.*.* | *:*) names="$names,IP:$name" ;;
        *) names="$names,DNS:$name" ;;
        esac
    done
    certificate broker "extendedKeyUsage=serverAuth
subjectAltName=${names#,}"
}

[ $# -ge 2 ] || usage
mkdir -p "$1"
dir=$(cd "$1" && pwd)
what=$2
shift 2
case $what in
ca) ca_make ;;
broker) [ $# -gt 0 ] || usage; broker_make "$@" ;;
node)
    [ $# -gt 0 ] || usage
    for name in "$@"; do
        check_name "$name"
        # Only a client: with it nobody can play the broker.
        certificate "$name" extendedKeyUsage=clientAuth
    done
    ;;
revoke)
    [ $# -eq 1 ] || usage
    check_name "$1"
    [ -e "$dir/$1.pem" ] || fail "$dir/$1.pem is not there"
    quietly openssl ca -config "$dir/ca.conf" -revoke "$dir/$1.pem"
    mv "$dir/$1.pem" "$dir/$1.revoked.pem"
    crl_new
    ;;
*) usage ;;
esac
