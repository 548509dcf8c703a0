#!/usr/bin/env bash
# Compares the gRPC layer with bare Kestrel and with gRPC C++ (Debian's libgrpc++) in one run of about two minutes, and rewrites the
# section perf:grpc of docs/performance.md. Exit code 1 when a threshold is broken. Nothing else should run on the machine.
#
#   perf/grpc/run.sh                  everything
#   perf/grpc/run.sh --only unary     options go to SealService.EchoLoad (--help lists them); the section stays as it is
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case "${1:-}" in -h|--help) sed -n '2,6s/^# \{0,1\}//p' perf/grpc/run.sh; exit 0 ;; esac

scripts/require.sh dotnet grpc++ >&2
server=$(perf/grpc/cpp/build.sh)
dotnet build perf/grpc/SealService.EchoLoad -c Release -v quiet -nologo >&2 # standard output is the results
[ "$#" -gt 0 ] || set -- --publish docs/performance.md
exec artifacts/bin/SealService.EchoLoad/release/SealService.EchoLoad "$server" "$@"
