#!/usr/bin/env bash
# Measures SealService and rewrites the tables of docs/performance.md; under 10 minutes. Nothing else should run on the machine.
#
#   perf/run.sh                                    all scenarios, thresholds gate the exit code
#   perf/run.sh bulk-1k verify                     some of them; the tables stay as they are
#   perf/run.sh bulk-1k --rounds 1 --duration 2    quickly; with an option that changes the load the tables stay as they are, too
#
# Options: --rounds N, --duration S, --warm-up S, --soak S, --connections N, --streams N, --document-bytes N..., --documents DIR, --rate N,
# --threshold 'METRIC<=N', --seed N, --work DIR (on the disk to be measured), --ignore-thresholds (exit with 0 all the same).
# The reports lie in artifacts/perf/<time>/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case "${1:-}" in -h|--help) sed -n '2,10s/^# \{0,1\}//p' perf/run.sh; exit 0 ;; esac

scripts/require.sh dotnet softhsm opensc gcc
dotnet build perf/SealService.LoadTests -c Release -v quiet -nologo >&2 # standard output is the results
load=artifacts/bin/SealService.LoadTests/release/SealService.LoadTests
results=artifacts/perf/$(date -u +%Y%m%d-%H%M%S)

# The tables are those of a whole run of the scenarios as they are defined, or they would mix machines, days and loads.
whole=true
skip_value=false
for argument in "$@"; do
    if $skip_value; then skip_value=false; continue; fi
    case "$argument" in
        --ignore-thresholds|--soak=*|--work=*|--seed=*) ;;
        --soak|--work|--seed) skip_value=true ;;
        *) whole=false ;;
    esac
done

code=0
"$load" run --out "$results" "$@" || code=$?
[ -f "$results/results.json" ] || exit "$code"
if $whole; then
    "$load" publish "$results" docs/performance.md README.md >&2
else
    printf '%s\n' "docs/performance.md and README.md stay as they are: this was not the whole suite as it is defined." >&2
fi
exit "$code"
