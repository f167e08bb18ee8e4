#!/bin/sh
# Makes throw-away certificates in the folder $1: two for servers, ECDSA and RSA, and one for a client, each kind under a CA of its own.
set -e
mkdir -p "${1:?usage: mkcerts.sh DIR}"
cd "$1"
rm -f ./*

ca() { # NAME SUBJECT
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "$2" -keyout "$1.key" -out "$1.crt"
}
issue() { # NAME CA SUBJECT EXTENSIONS KEY-OPTIONS...
  name=$1 ca=$2 subject=$3 extensions=$4
  shift 4
  openssl req -new -newkey "$@" -nodes -subj "$subject" -keyout "$name.key" -out "$name.csr"
  printf '%b' "$extensions" > "$name.ext"
  openssl x509 -req -in "$name.csr" -CA "$ca.crt" -CAkey "$ca.key" -CAcreateserial -days 3650 -extfile "$name.ext" -out "$name.crt"
  (umask 077 && cat "$name.crt" "$name.key" > "$name.pem")
  rm "$name.csr" "$name.ext"
}

{
  ca server-ca '/CN=bench server CA'
  ca client-ca '/CN=bench client CA'
  issue server-ecdsa server-ca /CN=localhost 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' ec -pkeyopt ec_paramgen_curve:prime256v1
  issue server-rsa server-ca /CN=localhost 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' rsa:2048
  issue client client-ca /CN=bench-client 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n' ec -pkeyopt ec_paramgen_curve:prime256v1
} > log 2>&1 || { cat log >&2; exit 1; }
