#!/usr/bin/env bash
# Builds one static binary: deploy/binary.sh FILE. The same sources give the same bytes, wherever they are built: the Go is
# the one that go.mod names, whichever is installed.
# VERSION is what `fetchmill version` tells; GOOS and GOARCH are heeded.
set -euo pipefail

file=${1:?usage: deploy/binary.sh FILE}
[[ $file == /* ]] || file=$PWD/$file
cd "$(dirname "${BASH_SOURCE[0]}")/.."
GOTOOLCHAIN=$(sed -n 's/^toolchain //p' go.mod)
export GOTOOLCHAIN
# The time zones of schedules are in the binary (timetzdata), as a scratch image has none.
CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags timetzdata \
  -ldflags "-s -w -buildid= -X main.version=${VERSION:-}" -o "$file" ./cmd/fetchmill
