#!/usr/bin/env bash
# Builds echo_server with Debian's gRPC C++ and prints its path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
out=../../../artifacts/grpc-cpp
mkdir -p "$out"
out=$(cd "$out" && pwd)
program=$out/echo_server
if [ ! -x "$program" ] || [ echo_server.cc -nt "$program" ] || [ ../echo.proto -nt "$program" ]; then
    protoc -I .. --cpp_out="$out" --grpc_out="$out" --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" ../echo.proto
    # shellcheck disable=SC2046 # one word an option
    g++ -std=c++17 -O2 -I "$out" echo_server.cc "$out/echo.pb.cc" "$out/echo.grpc.pb.cc" -o "$program" \
        $(pkg-config --cflags --libs grpc++ protobuf)
fi
printf '%s\n' "$program"
