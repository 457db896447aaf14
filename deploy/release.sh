#!/usr/bin/env bash
# Makes the files of a release in dist/: deploy/release.sh v1.2.3
# It needs Go and its modules alone, and no network once they are there (go -C deploy/release mod download).
set -euo pipefail
cd "$(dirname "$0")/release"
exec go run . "$@"
