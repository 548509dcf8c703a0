#!/bin/sh
# provision.sh DIR [--token LABEL] [--key LABEL]
#
# Makes a SoftHSM token in DIR with an Ed25519 key pair LABEL and a P-256 one LABEL-p256. What is there already is left as it is, so a
# second run changes nothing. The PINs are random, in files of mode 600, and never an argument of a process.
set -eu

usage() {
    echo "usage: provision.sh DIR [--token LABEL] [--key LABEL]" >&2
    exit 2
}

dir= token=seal key=seal-ledger
while [ $# -gt 0 ]; do
    case $1 in
        --token) [ $# -ge 2 ] || usage; token=$2; shift 2 ;;
        --key) [ $# -ge 2 ] || usage; key=$2; shift 2 ;;
        -h|--help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) usage ;;
        *) [ -z "$dir" ] || usage; dir=$1; shift ;;
    esac
done
[ -n "$dir" ] || usage
# CK_TOKEN_INFO.label has 32 bytes.
[ "$(printf %s "$token" | wc -c)" -le 32 ] || { echo "provision.sh: a token's label has at most 32 bytes" >&2; exit 2; }

module=${SEAL_HSM_MODULE:-/usr/lib/softhsm/libsofthsm2.so}
missing=
[ -f "$module" ] || missing="$missing softhsm2"
command -v pkcs11-tool >/dev/null || missing="$missing opensc"
if [ -n "$missing" ]; then
    echo "provision.sh: please install the Debian packages:$missing" >&2
    exit 3
fi

umask 077
mkdir -p "$dir/tokens"
dir=$(cd "$dir" && pwd)
chmod 700 "$dir" "$dir/tokens"

random_pin() {
    if [ ! -s "$1" ]; then
        od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$1.new"
        mv "$1.new" "$1"
        echo "made $1"
    fi
}
random_pin "$dir/so-pin"
random_pin "$dir/pin"

if [ ! -f "$dir/softhsm2.conf" ]; then
    cat >"$dir/softhsm2.conf.new" <<CONF
directories.tokendir = $dir/tokens
objectstore.backend = file
log.level = ERROR
CONF
    mv "$dir/softhsm2.conf.new" "$dir/softhsm2.conf"
    echo "made $dir/softhsm2.conf"
fi

# pkcs11-tool takes PINs from the environment (env:NAME), which other users can't read; softhsm2-util takes them as arguments only.
SOFTHSM2_CONF=$dir/softhsm2.conf
SEAL_SO_PIN=$(cat "$dir/so-pin")
SEAL_PIN=$(cat "$dir/pin")
export SOFTHSM2_CONF SEAL_SO_PIN SEAL_PIN

# Runs pkcs11-tool; what it prints is shown only when it fails.
tool() {
    if ! output=$(pkcs11-tool --module "$module" "$@" 2>&1); then
        echo "$output" >&2
        echo "provision.sh: pkcs11-tool failed" >&2
        exit 1
    fi
}
as_user() {
    tool --token-label "$token" --login --pin env:SEAL_PIN "$@"
}

tool --list-slots
if ! printf '%s\n' "$output" | grep -qFx "  token label        : $token"; then
    free_slot=$(printf '%s\n' "$output" | awk '/^Slot / { slot = $2 } /token state: *uninitialized/ { print slot; exit }')
    tool --init-token --slot-index "$free_slot" --label "$token" --so-pin env:SEAL_SO_PIN
    echo "made token '$token'"
    tool --list-slots
fi
if ! printf '%s\n' "$output" | grep -FxA 6 "  token label        : $token" | grep -q "PIN initialized"; then
    tool --token-label "$token" --login --login-type so --so-pin env:SEAL_SO_PIN --init-pin --new-pin env:SEAL_PIN
    echo "set the user PIN of token '$token'"
fi

# The private key is CKA_TOKEN, PRIVATE, SENSITIVE, not EXTRACTABLE, and signs with one mechanism only.
key_pair() { # LABEL TYPE MECHANISM
    as_user --list-objects --type privkey
    if printf '%s\n' "$output" | grep -qFx "  label:      $1"; then
        return
    fi
    id=$(printf %s "$1" | sha256sum | cut -c1-16)
    as_user --keypairgen --key-type "$2" --allowed-mechanisms "$3" --label "$1" --id "$id" --private --sensitive --usage-sign
    echo "made $2 key '$1' in token '$token'"
}
key_pair "$key" EC:edwards25519 EDDSA
key_pair "$key-p256" EC:prime256v1 ECDSA

echo "token '$token' is ready: module $module, SOFTHSM2_CONF=$dir/softhsm2.conf, PIN file $dir/pin"
