#!/usr/bin/env bash
# Runs every test: in process, end to end (real server, real PKCS#11 module, real disk), and foreign clients.
#
#   ./test.sh                all tests
#   ./test.sh --fast         only the in-process tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '\n== %s\n' "$*"; }
case "${1:-}" in ""|--fast) ;; -h|--help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;; *) printf 'test.sh: unknown option %s\n' "$1" >&2; exit 2 ;; esac

scripts/require.sh dotnet softhsm opensc gcc grpcio node
say "Building (Release)"
dotnet build SealService.sln -c Release -v quiet -nologo

passed=0 failed=0 skipped=0
run() { # project
    say "$1"
    local log code=0
    log=$(mktemp)
    dotnet test "tests/$1" -c Release --no-build --nologo --logger "console;verbosity=minimal" 2>&1 | tee "$log" || code=$?
    local line
    line=$(grep -E '^(Passed|Failed)! ' "$log" | tail -n 1 || true)
    rm -f "$log"
    count() { sed -nE "s/.*$1: +([0-9]+).*/\1/p" <<< "$line"; }
    passed=$((passed + $(count Passed | grep . || echo 0)))
    failed=$((failed + $(count Failed | grep . || echo 0)))
    skipped=$((skipped + $(count Skipped | grep . || echo 0)))
    if [ -z "$line" ] || { [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; }; then failed=$((failed + 1)); fi
}

run SealService.Tests
[ "${1:-}" = "--fast" ] || run SealService.EndToEndTests

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
