#!/usr/bin/env bash
# Builds what is in the image, but for the certificate authorities: deploy/build.sh FOLDER.
# VERSION is what `fetchmill version` tells; GOOS and GOARCH are heeded.
set -euo pipefail

out=${1:?usage: deploy/build.sh FOLDER}
[[ $out == /* ]] || out=$PWD/$out
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "$out"
GOOS=${GOOS:-linux} deploy/binary.sh "$out/fetchmill"
# A volume that is mounted on one of these folders for the first time gets its owner. An empty folder keeps its owner only if COPY finds something in it.
for folder in data broker tmp keys/{setup,ingest,fetcher,cruncher,sink,client,operator,broker,http,postgres,sink-postgres,grafana}; do
  mkdir -p "$out/$folder"
  : >"$out/$folder/.keep"
done
chmod 1777 "$out/tmp" # a tmpfs on it gets the same
