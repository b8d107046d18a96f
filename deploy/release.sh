#!/usr/bin/env bash
# Builds what is published of a version: deploy/release.sh VERSION FOLDER. For each platform a static binary and what is in it, as an SBOM in
# the form of CycloneDX; and the checksums of all. Building the same version again gives the same files.
# PLATFORMS chooses other ones: PLATFORMS="linux/amd64 linux/riscv64".
set -euo pipefail

die() {
  printf 'deploy/release.sh: %s\n' "$*" >&2
  exit 1
}

[[ $# == 2 ]] || die 'usage: deploy/release.sh VERSION FOLDER'
version=$1 out=$2
[[ $out == /* ]] || out=$PWD/$out
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || die "$version is not a version like 1.2.3 or 1.2.3-rc.1"
[[ -n ${ALLOW_DIRTY:-} || -z $(git status --porcelain) ]] || die 'there are changes that are not committed: commit them, or set ALLOW_DIRTY for a trial'
mkdir -p "$out"
[[ -z $(ls -A "$out") ]] || die "$out is not empty: name a new folder"

sbom=$(.ci/tool cyclonedx-gomod)
read -ra platforms <<<"${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64}"
for platform in "${platforms[@]}"; do
  os=${platform%/*} arch=${platform#*/}
  file=$out/fetchmill-$version-$os-$arch
  [[ $os != windows ]] || file+=.exe
  GOOS=$os GOARCH=$arch VERSION=$version deploy/binary.sh "$file"
  # From the binary, not from go.mod: only what is really in it. Neither a time nor a random number, so that it comes out the same again.
  "$sbom" bin -json -std -noserial -notimestamp -version "$version" -output "$file.cdx.json" "$file"
done
(cd "$out" && sha256sum -- * >SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS)
ls -l "$out"
