#!/usr/bin/env bash
# Shows that the image runs where nothing is allowed: read-only root, an ordinary user, no capabilities, no network.
# The probe is a second container in the same network namespace, because the image itself has neither shell nor curl.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly tag="fetchmill-container-test:$$"
readonly probe_tag="fetchmill-container-probe:$$"
readonly name="fetchmill-container-test-$$"
readonly confined=(--read-only --user 65532:65532 --cap-drop ALL --security-opt no-new-privileges --pids-limit 512)

scratch=$(mktemp -d)
cleanup() {
  local status=$?
  if ((status != 0)) && docker inspect "$name" >/dev/null 2>&1; then docker logs "$name" 2>&1 | tail -n 50 >&2 || true; fi
  docker rm --force --volumes "$name" >/dev/null 2>&1 || true
  docker rmi --force "$tag" "$probe_tag" >/dev/null 2>&1 || true
  rm -rf "$scratch"
  exit "$status"
}
trap cleanup EXIT

fail() {
  printf 'container test: %s\n' "$*" >&2
  exit 1
}

deploy/image.sh "$tag"
CGO_ENABLED=0 GOOS=linux go build -o "$scratch/probe" ./tests/container/probe
printf 'FROM scratch\nCOPY probe /probe\nENTRYPOINT ["/probe"]\n' >"$scratch/Dockerfile"
docker build --quiet --tag "$probe_tag" "$scratch"

printf '%s\n' '- version'
version=$(docker run --rm --network none "${confined[@]}" "$tag" version)
[[ -n $version ]] || fail "'version' printed nothing"
printf '%s\n' "$version"

printf '%s\n' '- up'
docker run --detach --name "$name" --network none "${confined[@]}" --volume /data --memory 1g "$tag" \
  up --data /data --nats-addr 127.0.0.1:4222 --http-addr 127.0.0.1:8080 >/dev/null
for path in healthz readyz; do
  docker run --rm --network "container:$name" "${confined[@]}" "$probe_tag" "http://127.0.0.1:8080/$path"
done

printf '%s\n' '- SIGTERM'
docker stop --time 60 "$name" >/dev/null
status=$(docker inspect --format '{{.State.ExitCode}}' "$name")
[[ $status == 0 ]] || fail "up ended with status $status after SIGTERM, 0 was expected"
printf 'container test: passed\n'
