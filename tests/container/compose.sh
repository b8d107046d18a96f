#!/usr/bin/env bash
# Runs docker-compose.yml as it is, but for the images, and lets things happen to it while items flow: stages scaled up and down, containers killed,
# the network of one cut and joined again, the broker killed and restarted. In the end every item has exactly one result. Then all of it goes on over
# mutual TLS, as deploy/compose.tls.yml has it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly project="fetchmill-test-$$"
export COMPOSE_PROJECT_NAME=$project COMPOSE_FILE=docker-compose.yml:tests/container/compose.yml
export FETCHMILL_IMAGE="$project:fetchmill" NATS_IMAGE="$project:nats" POSTGRES_IMAGE="$project:postgres"
export NATS_PORT='' INGEST_PORTS='' SINK_PORTS='' # any free ones
readonly io=4000 cpu=300 patience=300

compose() { docker-compose "$@"; }
if docker compose version >/dev/null 2>&1; then compose() { docker compose "$@"; }; fi

scratch=$(mktemp -d)
cleanup() {
  local status=$?
  if ((status != 0)); then compose logs --tail 40 >&2 || true; fi
  compose --profile cli --profile monitoring down --volumes --remove-orphans --timeout 5 >/dev/null 2>&1 || true
  docker rmi --force "$FETCHMILL_IMAGE" "$NATS_IMAGE" "$POSTGRES_IMAGE" >/dev/null 2>&1 || true
  rm -rf "$scratch" || sudo rm -rf "$scratch" # certificates belong to others
  exit "$status"
}
trap cleanup EXIT

say() { printf -- '- %s (after %d s)\n' "$*" "$SECONDS"; }
fail() {
  printf 'compose test: %s\n' "$*" >&2
  exit 1
}
quietly() { "$@" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2 && fail "$* failed"; }; }
cli() { compose run --rm --no-deps -T cli "$@" </dev/null 2>"$scratch/cli"; }
cli_without_certificate() { compose run --rm --no-deps -T -e NATS_CERT= -e NATS_KEY= cli "$@" </dev/null >/dev/null 2>"$scratch/cli"; }
# without_certificate_to_database SSLMODE: with the right password, as PostgreSQL's own client.
without_certificate_to_database() {
  docker exec "$(instance postgres)" sh -c \
    "read -r PGPASSWORD </keys/postgres/password || true; export PGPASSWORD; psql -d 'host=postgres user=fetchmill dbname=fetchmill sslmode=$1' -c 'SELECT 1'" >"$scratch/psql" 2>&1
}
instance() { docker ps --quiet --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1" | sed -n "${2:-1}p"; }
# finished BATCH: how many of its items have a result.
finished() { cli batch show "$1" -o json | tr -d ' \n' | sed -nE 's/.*"ok":([0-9]+).*/\1/p' || true; }
# until_finished BATCH N: waits until so many have, or all.
until_finished() {
  local n=0 least=$2 started=$SECONDS
  ((least <= ${!1})) || least=${!1}
  while n=$(finished "$1"); ((${n:-0} < least)); do
    ((SECONDS - started < patience)) || fail "batch $1 has ${n:-0} results after $patience s, $least were expected"
    sleep 0.2
  done
  printf '  batch %s: %d of %d\n' "$1" "$n" "${!1}"
}
# goes_on BATCH: waits until more have a result.
goes_on() {
  local n
  n=$(finished "$1")
  until_finished "$1" $((${n:-0} + 50))
}

say 'images'
tests/container/images.sh "$FETCHMILL_IMAGE" "$NATS_IMAGE" "$POSTGRES_IMAGE" >/dev/null 2>"$scratch/log" || { cat "$scratch/log" >&2 && exit 1; }

say 'up'
quietly compose up --detach --no-build
cli run noop first >/dev/null || { cat "$scratch/cli" >&2 && fail 'one item does not go through'; }

say 'HTTP asks for its token'
if cli health http://sink:8080/v1/results || ! grep -q 401 "$scratch/cli"; then fail 'the sink answers without a token'; fi

say "submit $io items that wait and $cpu that compute"
yes 0.3 | head -n "$io" | compose run --rm --no-deps -T cli submit sleep -f - --batch io --wait >"$scratch/io" 2>&1 &
readonly io_pid=$!
yes 100000000 | head -n "$cpu" | compose run --rm --no-deps -T cli submit count -f - --batch cpu --wait >"$scratch/cpu" 2>&1 &
readonly cpu_pid=$!
until_finished io 100

say 'scale up'
quietly compose up --detach --no-build --no-recreate --scale fetcher=3 --scale cruncher=2 --scale sink=2 --scale ingest=2
services=$(cli status | sed '/^STAGE /,/^$/d' | grep -cE '^(fetcher|cruncher|sink|ingest) ') # the stages have names like these
[[ $services == 9 ]] || fail "$services services answer, 9 were expected"

say 'kill a fetcher, a cruncher and a sink'
for service in fetcher cruncher sink; do quietly docker kill "$(instance "$service" 1)"; done

say 'cut the network of a fetcher, and join it again'
cut=$(instance fetcher 1)
quietly docker network disconnect --force "${project}_broker" "$cut"
goes_on io
quietly docker network connect "${project}_broker" "$cut"

say 'kill the broker, and start it again'
nats=$(instance nats)
quietly docker kill "$nats"
quietly docker start "$nats"
goes_on io

say 'restart the broker'
quietly docker restart --time 40 "$nats"

say 'start what was killed, and scale down'
quietly compose up --detach --no-build --no-recreate --scale fetcher=1 --scale cruncher=1 --scale sink=1 --scale ingest=1

say 'wait for the ends'
for batch in io cpu; do
  pid=${batch}_pid
  # Its connection may have been lost for longer than it waits; the batch goes on.
  wait "${!pid}" || { tail -n 2 "$scratch/$batch" && until_finished "$batch" "${!batch}"; }
done

say 'every item has exactly one result'
for batch in io cpu; do
  cli results --batch "$batch" -o ndjson >"$scratch/results"
  rows=$(wc -l <"$scratch/results")
  ids=$(sed -nE 's/.*"id":"([^"]+)".*/\1/p' "$scratch/results" | sort -u | wc -l)
  ok=$(grep -c '"status":"ok"' "$scratch/results")
  [[ $rows == "${!batch}" && $ids == "$rows" && $ok == "$rows" ]] || fail "batch $batch: $rows rows with $ids ids, $ok of them ok; ${!batch} were submitted"
  printf '  batch %s: %d items, %d results, %d ids, %d ok\n' "$batch" "${!batch}" "$rows" "$ids" "$ok"
done
cli status >"$scratch/status"
left=$(awk '$1 ~ /^(WORK|FETCH|CRUNCH|RESULTS)$/ { n += $2 } END { print n }' "$scratch/status")
[[ $left == 0 ]] || { cat "$scratch/status" >&2 && fail "$left messages are left in the queues"; }
if compose logs nats 2>&1 | grep Violation; then fail 'somebody has tried what he may not'; fi

say 'the same over mutual TLS'
export TLS_DIR="$scratch/tls" COMPOSE_FILE="$COMPOSE_FILE:deploy/compose.tls.yml"
sudo=()
[[ $(id -u) == 0 ]] || sudo=(sudo)
quietly "${sudo[@]}" deploy/certificates.sh "$TLS_DIR"
quietly compose up --detach --no-build
cli run noop second >/dev/null || { cat "$scratch/cli" >&2 && fail 'one item does not go through over TLS'; }
cli results --batch cpu -o ndjson >"$scratch/results"
[[ $(wc -l <"$scratch/results") == "$cpu" ]] || fail 'the results of before are gone'
if cli_without_certificate run noop third || ! grep -q -- --tlscert "$scratch/cli"; then fail 'the broker lets in who shows no certificate'; fi
for ssl in disable require; do
  if without_certificate_to_database "$ssl"; then fail "PostgreSQL lets in who shows no certificate (sslmode=$ssl)"; fi
done
printf 'compose test: passed in %d s\n' "$SECONDS"
