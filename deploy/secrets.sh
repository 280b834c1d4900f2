#!/bin/sh
# Makes the secrets of a compose cluster, once; run it from the project's folder. What is there already is kept.
set -eu
umask 077
mkdir -p secrets
[ -e secrets/postgres ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > secrets/postgres
[ -e secrets/nats ] || { printf n; od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; } > secrets/nats  # begins as no number does
printf 'NATS_PASSWORD=%s\n' "$(cat secrets/nats)" > secrets/nats.env
printf 'postgresql://isthmus:%s@postgres/isthmus' "$(cat secrets/postgres)" > secrets/database
if [ ! -e secrets/keys ]; then
    # The hub's own format: a map of two random keys, in MessagePack.
    {
        printf '\202\247cursors\304\040'; head -c 32 /dev/urandom
        printf '\246phones\304\040'; head -c 32 /dev/urandom
    } > secrets/keys
fi
chmod 600 secrets/*
# The containers' user reads them; it is no account of this machine.
chown 10001 secrets/database secrets/keys secrets/nats 2>/dev/null ||
    echo "Run this as root, or let user 10001 read secrets/database, secrets/keys and secrets/nats." >&2
