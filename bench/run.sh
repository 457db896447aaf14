#!/usr/bin/env bash
# Measures bulkdelete beside what a user would pick instead, and prints tables in Markdown. It needs Go alone.
#
#   bench/run.sh              all but growth and pace: about ten minutes on two cores
#   bench/run.sh calls        one of calls, plan and faults; flags follow: -users, -rounds, -workers, -rows, -faults
#   bench/run.sh growth       what each part of a job takes at -rows 10000,100000,1000000,10000000 users
#   bench/run.sh micro        Go benchmarks with allocations
#   bench/run.sh pace         runs for 100 seconds against a throttling server and draws docs/pace.svg
set -euo pipefail
cd "$(dirname "$0")/.."

# Built and then started, not go run: on Linux a child's peak memory counts from its parent's.
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
go build -o "$tools/" ./bench/compare ./bench/pace

micro() { go test -run '^$' -bench . -benchmem ./pkg/chunker ./pkg/client ./pkg/report; }

case "${1:-all}" in
  all)
    for part in calls plan faults; do "$tools/compare" "$part"; done
    micro
    ;;
  micro) micro ;;
  pace) shift; "$tools/pace" "$@" ;;
  *) "$tools/compare" "$@" ;;
esac
