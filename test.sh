#!/usr/bin/env bash
# Runs every test: in process, end to end (real server, real PKCS#11 module, real disk), and foreign clients.
#
#   ./test.sh                all tests
#   ./test.sh --fast         only the in-process tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '\n== %s\n' "$*"; }
case "${1:-}" in ""|--fast) ;; -h|--help) sed -n '2,5s/^# \{0,1\}//p' test.sh; exit 0 ;; *) printf 'test.sh: unknown option %s\n' "$1" >&2; exit 2 ;; esac

scripts/require.sh dotnet softhsm opensc gcc grpcio grpc++ node
say "Building (Release)"
dotnet build SealService.sln -c Release -v quiet -nologo

passed=0 failed=0 skipped=0
run() { # project
    say "$1"
    local log code=0
    log=$(mktemp)
    # A test that hangs for 15 minutes fails, with its name, instead of the machine.
    dotnet test "tests/$1" -c Release --no-build --nologo --blame-hang-timeout 15m --blame-hang-dump-type none --logger "console;verbosity=minimal" 2>&1 | tee "$log" || code=$?
    local line
    line=$(grep -E '^(Passed|Failed)! ' "$log" | tail -n 1 || true)
    rm -f "$log"
    count() { sed -nE "s/.*$1: +([0-9]+).*/\1/p" <<< "$line"; }
    passed=$((passed + $(count Passed | grep . || echo 0)))
    failed=$((failed + $(count Failed | grep . || echo 0)))
    skipped=$((skipped + $(count Skipped | grep . || echo 0)))
    if [ -z "$line" ] || { [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; }; then failed=$((failed + 1)); fi
}

run_interop() { # each client ends with a line "N passed, N failed"
    say "gRPC interoperability: grpcio, grpc-js and C++ clients against our server, our client against it and a grpcio server"
    local log ok=0 bad=0 code=0
    log=$(mktemp)
    PYTHON=/usr/bin/python3 tests/interop/run.sh --no-build 2>&1 | tee "$log" || code=$?
    while read -r p _ f _; do ok=$((ok + p)) bad=$((bad + f)); done < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log")
    rm -f "$log"
    [ "$code" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "$ok" -gt 0 ] || bad=$((bad + 1))
    passed=$((passed + ok)) failed=$((failed + bad))
}

run SealService.Tests
if [ "${1:-}" != "--fast" ]; then
    run SealService.EndToEndTests
    run_interop
fi

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
