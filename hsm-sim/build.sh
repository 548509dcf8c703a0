#!/bin/sh
# Builds seal-hsm-sim.so into the folder given, or artifacts/hsm-sim. Prints its path. Does nothing when it is newer than its source.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../artifacts/hsm-sim}
source=$here/seal-hsm-sim.c
module=$out/seal-hsm-sim.so

missing=
command -v gcc >/dev/null || missing="$missing gcc libc6-dev"
[ -f /usr/include/p11-kit-1/p11-kit/pkcs11.h ] || missing="$missing libp11-kit-dev"
if [ -n "$missing" ]; then
    echo "build.sh: please install the Debian packages:$missing" >&2
    exit 3
fi

mkdir -p "$out"
if [ ! -f "$module" ] || [ "$source" -nt "$module" ]; then
    # Built beside its place and moved there: a process that has the old one loaded keeps it.
    gcc -std=c17 -O2 -g -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -I/usr/include/p11-kit-1 \
        -o "$module.$$" "$source" -ldl -pthread
    mv "$module.$$" "$module"
fi
echo "$(cd "$out" && pwd)/seal-hsm-sim.so"
