#!/usr/bin/env bash
# Makes sure that programs the other scripts need are on this machine; installs Debian packages where it may.
#
#   scripts/require.sh NAME...              names: dotnet softhsm opensc gcc grpcio grpc++ node
#   scripts/require.sh --softhsm-module     prints the path of SoftHSM's PKCS#11 module
set -euo pipefail

fail() { printf '%s\n' "$*" >&2; exit 3; }

softhsm_module() {
    for path in "${SOFTHSM2_MODULE:-}" /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so \
        /opt/homebrew/lib/softhsm/libsofthsm2.so /usr/local/lib/softhsm/libsofthsm2.so; do
        [ -n "$path" ] && [ -f "$path" ] && { printf '%s\n' "$path"; return 0; }
    done
    return 1
}

if [ "${1:-}" = "--softhsm-module" ]; then
    softhsm_module || fail "SoftHSM's PKCS#11 module (libsofthsm2.so) is not on this machine; install the package softhsm2."
    exit 0
fi

# The Debian packages that provide a name, when it is missing.
missing() {
    case "$1" in
        dotnet) command -v dotnet >/dev/null || fail "The .NET SDK 10 is needed: the command dotnet is not on the PATH." ;;
        softhsm) softhsm_module >/dev/null && command -v softhsm2-util >/dev/null || echo softhsm2 ;;
        opensc) command -v pkcs11-tool >/dev/null || echo opensc ;;
        gcc) command -v gcc >/dev/null || echo gcc libc6-dev
             [ -f /usr/include/p11-kit-1/p11-kit/pkcs11.h ] || echo libp11-kit-dev ;;
        grpcio) /usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null || echo python3-grpcio python3-protobuf
                command -v protoc >/dev/null || echo protobuf-compiler
                command -v grpc_python_plugin >/dev/null || echo protobuf-compiler-grpc ;;
        grpc++) command -v g++ >/dev/null || echo g++
                command -v pkg-config >/dev/null || echo pkg-config
                pkg-config --exists grpc++ protobuf 2>/dev/null || echo libgrpc++-dev libprotobuf-dev
                command -v protoc >/dev/null || echo protobuf-compiler
                command -v grpc_cpp_plugin >/dev/null || echo protobuf-compiler-grpc ;;
        node) command -v npm >/dev/null || echo nodejs npm ;;
        *) fail "require.sh: unknown name '$1'" ;;
    esac
}

packages=$(for name in "$@"; do missing "$name" || exit 3; done) || exit 3
[ -n "$packages" ] || exit 0
# shellcheck disable=SC2086 # one word a package
set -- $packages
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    printf '== Installing %s\n' "$*"
    log=$(mktemp)
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } > "$log" 2>&1 \
        || { tail -n 15 "$log" >&2; fail "These packages could not be installed: $*"; }
    rm -f "$log"
else
    fail "These packages are needed and can't be installed by this user: $*. On Debian or Ubuntu: sudo apt-get install $*"
fi
