#!/usr/bin/env bash
# Builds the container image of deploy/Dockerfile.local from this source, without pulling anything: deploy/image.sh TAG
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tag=${1:?usage: deploy/image.sh TAG}
authorities=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
[[ -r $authorities ]] || {
  printf 'deploy/image.sh: no certificate authorities at %s: install ca-certificates or set SSL_CERT_FILE\n' "$authorities" >&2
  exit 1
}

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/data" "$context/tmp"
cp "$authorities" "$context/ca-certificates.crt"
CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w' -o "$context/fetchmill" ./cmd/fetchmill
# An empty folder keeps its owner only if COPY finds something in it.
touch "$context/data/.keep" "$context/tmp/.keep"
docker build --quiet --tag "$tag" --file deploy/Dockerfile.local "$context"
