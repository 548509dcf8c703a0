#!/usr/bin/env bash
# gRPC's interoperability cases: foreign clients against our server, then our client against it and against a foreign server.
# Needs what scripts/require.sh calls dotnet, grpcio, grpc++ and node. Each client ends with a line "N passed, N failed".
#
#   tests/interop/run.sh [--no-build]       --no-build: our server and client have been built (Release)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-python3}
export PYTHONDONTWRITEBYTECODE=1

if [ "${1:-}" != --no-build ]; then
    dotnet build "$here/InteropServer" -c Release -v q -nologo
    dotnet build "$here/InteropClient" -c Release -v q -nologo
fi
npm ci --prefix "$here/grpc-js" --no-audit --no-fund --silent
cpp_client=$("$here/grpc-cpp/build.sh")
our_client=$root/artifacts/bin/InteropClient/release/InteropClient

logs=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null; wait; rm -rf "$logs"' EXIT

start() { # COMMAND...: starts a server, which prints its address when it serves; $address is that
    local log=$logs/${#servers[@]}
    "$@" >"$log" &
    servers+=($!)
    until [ -s "$log" ]; do
        kill -0 "${servers[-1]}"
        read -r -t 0.1 <> <(:) || :
    done
    read -r address <"$log"
}

start "$root/artifacts/bin/InteropServer/release/InteropServer"
ours=$address
start "$python" "$here/grpc-python/interop_server.py"
grpcio=$address

status=0
run() { # TITLE COMMAND...
    printf -- '-- %s\n' "$1"
    shift
    "$@" || status=1
}
run "grpcio client, our server" "$python" "$here/grpc-python/interop_client.py" "${ours#http://}"
run "grpc-js client, our server" node "$here/grpc-js/interop_client.js" "${ours#http://}"
run "C++ client, our server" "$cpp_client" "${ours#http://}"
run "our client, our server" "$our_client" "$ours"
run "our client, grpcio server" "$our_client" "$grpcio" --server-sees-no-compression
exit "$status"
