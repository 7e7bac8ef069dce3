#!/bin/sh
# Make the configuration of a NATS server that hands out work of lpready: certificates,
# an account with JetStream, and credentials for submitters and for workers.
#
#   queue.sh HOST DIR
#
# HOST is the name or IP address by which clients reach the server, DIR a new folder.
set -eu
umask 077

[ $# -eq 2 ] || { echo "usage: queue.sh HOST DIR" >&2; exit 2; }
host=$1
mkdir "$2"
dir=$(cd "$2" && pwd)
cd "$dir"

case $host in
    *[!0-9.]*) name=DNS:$host ;;
    *) name=IP:$host ;;
esac

curve='ec -pkeyopt ec_paramgen_curve:P-256'
# shellcheck disable=SC2086 # two words each
openssl req -x509 -newkey $curve -nodes -days 825 -subj "/CN=lpready queue CA" \
    -addext "basicConstraints=critical,CA:TRUE" -keyout ca.key -out ca.pem 2>openssl.log
# shellcheck disable=SC2086
openssl req -newkey $curve -nodes -subj "/CN=$host" -keyout server.key -out server.csr 2>>openssl.log
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$name" >server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile server.ext -out server.pem 2>>openssl.log
rm server.csr server.ext openssl.log

for user in build worker; do
    printf '%s:%s\n' "$user" "$(openssl rand -hex 24)" >"$user.creds"
done

cat >nats.conf <<EOF
listen: "0.0.0.0:4222"
tls {
  cert_file: "$dir/server.pem"
  key_file: "$dir/server.key"
}
jetstream {
  store_dir: "$dir/store"
}
accounts {
  LPREADY {
    jetstream: enabled
    users: [
      { user: build, password: "$(cut -d: -f2 build.creds)" }
      { user: worker, password: "$(cut -d: -f2 worker.creds)" }
    ]
  }
}
EOF

echo "$dir: start nats-server -c nats.conf; give ca.pem to all, build.creds to submitters, worker.creds to workers"
