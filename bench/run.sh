#!/usr/bin/env bash
# Measures bulkdelete beside what a user would pick instead, and prints tables in Markdown. It needs Go alone.
#
#   bench/run.sh              everything: about ten minutes on two cores
#   bench/run.sh calls        one of calls, plan and faults; flags follow: -users, -rounds, -workers, -rows, -faults
#   bench/run.sh micro        Go benchmarks with allocations
#   bench/run.sh pace         runs for 100 seconds against a throttling server and draws docs/pace.svg
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-all}" in
  all)
    for part in calls plan faults; do go run ./bench/compare "$part"; done
    "$0" micro
    ;;
  micro) go test -run '^$' -bench . -benchmem ./pkg/chunker ./pkg/client ./pkg/report ;;
  pace) shift; go run ./bench/pace "$@" ;;
  *) go run ./bench/compare "$@" ;;
esac
