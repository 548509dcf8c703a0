#!/usr/bin/env bash
# Starts SealService with an embedded ledger and a software HSM, seals documents, verifies each receipt offline, and serves until Ctrl-C.
#
#   ./run.sh [DIR]           seal the files of DIR (default: samples/), then serve
#   ./run.sh --once [DIR]    the same, but end after the verification, with its exit code
#
# State (token, ledger, receipts, configuration) lies in .seal/, or in $SEAL_HOME; a second run goes on with it.
# $SEAL_GRPC and $SEAL_HTTP are the addresses to listen on, if not 127.0.0.1:7070 and 127.0.0.1:7071.
set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'run.sh: %s\n' "$*" >&2; exit 3; }

once=false
if [ "${1:-}" = "--once" ]; then once=true; shift; fi
case "${1:-}" in -h|--help) sed -n '2,8s/^# \{0,1\}//p' run.sh; exit 0 ;; -*) fail "unknown option '$1' (try --help)" ;; esac
[ $# -le 1 ] || fail "at most one folder can be given, not $#"
documents=${1:-}
case "$documents" in ""|/*) ;; *) documents=$called_from/$documents ;; esac
[ -z "$documents" ] || [ -e "$documents" ] || fail "there is no '$documents' to seal"

home=${SEAL_HOME:-$PWD/.seal}
grpc=${SEAL_GRPC:-127.0.0.1:7070}
http=${SEAL_HTTP:-127.0.0.1:7071}
export SEAL_SERVER="http://$grpc"
seal=artifacts/bin/SealService.Cli/release/seal
server=artifacts/bin/SealService/release/SealService

scripts/require.sh dotnet softhsm opensc

say "Building (Release)"
dotnet build src/SealService -c Release -v quiet -nologo
dotnet build src/SealService.Cli -c Release -v quiet -nologo

say "HSM token in $home/hsm"
mkdir -p "$home" && chmod 700 "$home"
hsm-sim/provision.sh "$home/hsm"

if [ ! -f "$home/seal.json" ]; then
    cat > "$home/seal.json" <<JSON
{
  "Seal": {
    "Hsm": {
      "Module": "$(scripts/require.sh --softhsm-module)",
      "TokenLabel": "seal",
      "PinFile": "$home/hsm/pin"
    },
    "Ledgers": [
      { "Name": "default", "Origin": "sealservice.local/${HOSTNAME:-host}", "Folder": "$home/ledger", "KeyLabel": "seal-ledger" }
    ]
  }
}
JSON
fi

# A log of its own until it is ready: a server that runs already, and keeps this one from starting, goes on writing its own.
say "Starting the service on $grpc (log: $home/server.log)"
log=$home/server.log.$$
export SOFTHSM2_CONF="$home/hsm/softhsm2.conf"
"$server" --config "$home/seal.json" --Seal:Listen:Grpc="$grpc" --Seal:Listen:Http="$http" > "$log" 2>&1 &
server_pid=$!
stop() {
    trap - INT TERM EXIT
    kill -TERM "$server_pid" 2>/dev/null || true
    wait "$server_pid" || true
}
trap stop EXIT
trap 'stop; exit 0' INT TERM
for _ in $(seq 1 300); do
    kill -0 "$server_pid" 2>/dev/null || { tail -n 20 "$log" >&2; rm -f "$log"; fail "the service did not start; the reason is above"; }
    grep -q 'is ready' "$log" && break
    sleep 0.1
done
grep -q 'is ready' "$log" || fail "the service was not ready within 30 s; see $log"
mv -f "$log" "$home/server.log"

# The key is taken from the server once, by the one who runs it; from then on it is the yardstick.
if [ ! -f "$home/ledger.vkey" ]; then
    "$seal" keys list | head -n 1 > "$home/ledger.vkey.tmp"
    mv "$home/ledger.vkey.tmp" "$home/ledger.vkey"
fi

if [ -z "$documents" ]; then
    documents=$home/documents
    mkdir -p "$documents"
    cp -Rf samples/. "$documents/"
    [ -f "$documents/five-megabytes.bin" ] || head -c 5000000 /dev/urandom > "$documents/five-megabytes.bin"
fi

say "Sealing $documents"
"$seal" seal "$documents" --receipts "$home/receipts" --key "$home/ledger.vkey"

say "Verifying each receipt offline, with nothing but $home/ledger.vkey"
code=0
"$seal" verify "$documents" --receipt "$home/receipts" --key "$home/ledger.vkey" || code=$?
[ $code -eq 0 ] || printf 'run.sh: a document did not verify; see above\n' >&2

if $once; then
    stop
    exit $code
fi

cat <<TEXT

SealService is serving gRPC on $grpc and HTTP on http://$http (/metrics, /healthz, /checkpoint). Try:

  alias seal=$PWD/$seal
  export SEAL_SERVER=$SEAL_SERVER
  key=$home/ledger.vkey
  seal seal FILE... --key \$key               seal files of your own
  seal verify FILE --key \$key                needs no server
  seal log checkpoint --key \$key             the newest signed head
  seal log entries --count 3 --key \$key      what the ledger says of your documents
  seal status --key \$key

Ctrl-C stops it; ./run.sh goes on with the same ledger and key.
TEXT
wait "$server_pid"
