#!/usr/bin/env bash
# Builds the C++ client into artifacts/interop/grpc-cpp and prints its path. Does nothing when it is newer than its sources.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=$root/artifacts/interop/grpc-cpp
client=$out/interop_client
protos=("$root"/proto/grpc/testing/{empty,messages,test}.proto "$root/proto/google/rpc/status.proto")

is_current() {
    [ -x "$client" ] || return 1
    for source in "$here"/* "${protos[@]}"; do
        [ "$client" -nt "$source" ] || return 1
    done
}

if ! is_current; then
    mkdir -p "$out"
    protoc -I "$root/proto" --cpp_out="$out" --grpc_out="$out" --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" "${protos[@]}"
    generated=("$out"/grpc/testing/{empty,messages,test,test.grpc}.pb.cc "$out/google/rpc/status.pb.cc")
    # shellcheck disable=SC2046 # one word a flag
    g++ -std=c++17 -O1 -Wall -Wextra -Werror -isystem "$out" "$here/interop_client.cc" "${generated[@]}" -o "$client" \
        $(pkg-config --cflags --libs grpc++ protobuf)
fi
printf '%s\n' "$client"
