#!/usr/bin/env bash
# Installs PostgreSQL with apt where it is missing; does nothing where it is found. The platform runs a private
# cluster from its programs, so the server that Debian would start by itself is kept from starting.
set -euo pipefail

fail() {
  printf 'PostgreSQL is missing and could not be installed: %s\n' "$1" >&2
  printf 'Install PostgreSQL 14 or later with its contrib extensions, or set DB_HOST to a server of yours.\n' >&2
  exit 1
}

# A server elsewhere, or programs that a setting names, need nothing of this machine.
if [[ -n "${DB_HOST:-}" || -n "${POSTGRES_BIN:-}" ]]; then exit 0; fi

found() {
  local initdb bin share
  for initdb in "$(command -v initdb || true)" /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb; do
    [[ -n "$initdb" && -x "$initdb" ]] || continue
    bin="$(dirname "$(readlink -f "$initdb")")"
    [[ -x "$bin/postgres" ]] || continue
    # pg_trgm: without it the Prefect server fails at its first migration.
    for share in "${bin/lib/share}" "$bin/../share/postgresql" "$bin/../share" "/usr/share/postgresql/$(basename "$(dirname "$bin")")"; do
      if [[ -e "$share/extension/pg_trgm.control" ]]; then return 0; fi
    done
  done
  return 1
}

if found; then exit 0; fi

command -v apt-get > /dev/null || fail 'this machine has no apt-get.'
as_root=()
if [[ "$(id -u)" != 0 ]]; then
  command -v sudo > /dev/null || fail 'it needs root, and sudo is not here.'
  as_root=(sudo)
fi

echo 'Installing PostgreSQL with apt (about 20 s) ...'
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >> "$log" 2>&1; }

# Only where nobody has made this choice yet: no cluster of the distribution's own beside ours.
if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
  "${as_root[@]}" mkdir -p /etc/postgresql-common || fail 'the administrator rights were refused.'
  echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf > /dev/null
fi
packages=(postgresql postgresql-contrib)
apt install --no-install-recommends "${packages[@]}" || {
  apt update || fail "apt-get update failed: $(tail -n 1 "$log")"
  apt install --no-install-recommends "${packages[@]}" || fail "apt-get install failed: $(tail -n 1 "$log")"
}
found || fail 'apt-get installed it, and initdb or the extension pg_trgm is still not to be found.'
