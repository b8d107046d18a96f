#!/usr/bin/env bash
# Makes an authority, and certificates of it for all containers of deploy/compose.tls.yml: sudo deploy/certificates.sh [FOLDER]
# It has to be root, as each key belongs to the user that reads it. What is there stays: to renew a certificate remove its folder, run this again, and
# restart who uses it. More names of the broker's host, for clients elsewhere: BROKER_NAMES=DNS:nats.example.org,IP:192.0.2.7
set -euo pipefail

readonly dir=${1:-tls} days=${DAYS:-365}
readonly services=65532:65532 database=999:999 # the users in docker-compose.yml

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

# issue NAME OWNER EXTENSION…: a folder with key.pem, cert.pem and the authority's ca.pem, for one container.
issue() {
  local name=$1 owner=$2 folder=$dir/$1
  shift 2
  [[ ! -e $folder ]] || return 0
  mkdir -p "$folder.new"
  openssl req -new "${new_key[@]}" -subj "/CN=$name" -keyout "$folder.new/key.pem" -out "$folder.new/request.pem" 2>/dev/null
  openssl x509 -req -in "$folder.new/request.pem" -CA "$dir/authority/ca.pem" -CAkey "$dir/authority/key.pem" -days "$days" \
    -extfile <(printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' "$@") -out "$folder.new/cert.pem" 2>/dev/null
  rm "$folder.new/request.pem"
  cp "$dir/authority/ca.pem" "$folder.new/ca.pem"
  chmod 600 "$folder.new/key.pem"
  chown -R "$owner" "$folder.new"
  mv "$folder.new" "$folder"
  printf '%s\n' "$folder"
}

umask 022
mkdir -p "$dir"
if [[ ! -e $dir/authority ]]; then
  mkdir -p -m 700 "$dir/authority.new" # only whoever issues certificates may read it
  openssl req -x509 "${new_key[@]}" -subj '/CN=fetchmill authority' -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$dir/authority.new/key.pem" -out "$dir/authority.new/ca.pem" 2>/dev/null
  mv "$dir/authority.new" "$dir/authority"
fi
issue nats "$services" extendedKeyUsage=serverAuth "subjectAltName=DNS:nats,DNS:localhost,IP:127.0.0.1${BROKER_NAMES:+,$BROKER_NAMES}"
issue postgres "$database" extendedKeyUsage=serverAuth subjectAltName=DNS:postgres
for name in setup ingest fetcher cruncher sink operator; do issue "$name" "$services" extendedKeyUsage=clientAuth; done
