#!/usr/bin/env bash
# Builds the images that the compose test needs, without pulling anything: tests/container/images.sh FETCHMILL NATS POSTGRES (three tags).
# nats-server is that of go.mod. PostgreSQL is what Debian has installed here, copied into an empty image.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly fetchmill=$1 nats=$2 postgres=$3
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT

deploy/image.sh "$fetchmill"

# Beside the server the program that asks for its health, as a scratch image has no other.
mkdir "$context/nats"
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$context/nats/nats-server" github.com/nats-io/nats-server/v2
printf 'FROM %s\nCOPY nats-server /nats-server\nENTRYPOINT ["/nats-server"]\n' "$fetchmill" >"$context/nats/Dockerfile"
docker build --quiet --tag "$nats" "$context/nats"

root="$context/postgres/root"
bin=$(dirname "$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -n 1)")
version=$(basename "$(dirname "$bin")")
libraries() { ldd "$@" 2>/dev/null | sed -nE 's|^[^/]*(/[^ ]+) \(.*|\1|p' | sort -u; }
mkdir -p "$root"/{etc,tmp,bin,var/run/postgresql,var/lib/postgresql/data,usr/local/bin}
# By their resolved paths, because Debian's /lib is a link.
copy() { local f; for f in "$@"; do install -D "$(realpath "$f")" "$root$f"; done; }
programs=("$bin"/{postgres,initdb,pg_isready,psql})
copy /bin/sh "${programs[@]}"
tar -C / -chf - "usr/lib/postgresql/$version/lib" "usr/share/postgresql/$version" | tar -C "$root" -xf -
# What initdb makes the configuration of, as in the official image.
cat >>"$root/usr/share/postgresql/$version/postgresql.conf.sample" <<'CONF'
listen_addresses = '*'
dynamic_shared_memory_type = mmap
timezone = UTC
log_timezone = UTC
CONF
mapfile -t needed < <(libraries /bin/sh "${programs[@]}" "/usr/lib/postgresql/$version/lib"/*.so)
copy "${needed[@]}" /usr/share/zoneinfo/UTC
printf 'postgres:x:999:999::/var/lib/postgresql:/bin/sh\n' >"$root/etc/passwd"
printf 'postgres:x:999:\n' >"$root/etc/group"
: >"$root/var/lib/postgresql/data/.keep"
: >"$root/var/run/postgresql/.keep"
chmod 1777 "$root/tmp" "$root/var/run/postgresql"
cp tests/container/postgres.sh "$root/usr/local/bin/start"
chmod 755 "$root/usr/local/bin/start"
cat >"$context/postgres/Dockerfile" <<DOCKERFILE
FROM scratch
COPY --chown=999:999 root/ /
ENV PATH=$bin:/usr/local/bin:/bin
USER 999:999
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/bin/start"]
CMD ["postgres"]
DOCKERFILE
docker build --quiet --tag "$postgres" "$context/postgres"
