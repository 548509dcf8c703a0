#!/usr/bin/env bash
# Builds the interop server, then runs every foreign client against it. Needs python3 with grpcio, protoc, node and npm.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

dotnet build "$here/InteropServer" -c Release -v q -nologo
npm ci --prefix "$here/grpc-js" --no-audit --no-fund --silent

log=$(mktemp)
"$root/artifacts/bin/InteropServer/release/InteropServer" >"$log" &
server=$!
trap 'kill "$server" 2>/dev/null; rm -f "$log"' EXIT
until [ -s "$log" ]; do
    kill -0 "$server"
    read -r -t 0.1 <> <(:) || :
done
address=$(sed -n '1s|^http://||p' "$log")

status=0
"${PYTHON:-python3}" "$here/grpc-python/interop_client.py" "$address" || status=1
node "$here/grpc-js/interop_client.js" "$address" || status=1
exit "$status"
