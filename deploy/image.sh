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
cp "$authorities" "$context/ca-certificates.crt"
deploy/build.sh "$context/image"
docker build --quiet --tag "$tag" --file deploy/Dockerfile.local \
  --build-arg "VERSION=${VERSION:-}" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || true)" "$context"
