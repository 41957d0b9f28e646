#!/usr/bin/env bash
# Runs the storage tests against MySQL 9, which is no package of a stable Debian: it is installed from the
# unstable one into a folder of its own (.tools/mysql9, some 700 MB), started there, and stopped at the end.
# Needs root and debootstrap. Its version moves, so that `make test` does without it.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "mysql9: $*" >&2; }

[ "$(id -u)" = 0 ] || { say "expected root, which changing the root of a process needs"; exit 1; }
command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null

root=$PWD/.tools/mysql9
if [ ! -f "$root/stamp" ]; then
    say "installing MySQL 9 into $root"
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase sid "$root" >/dev/null
    chroot "$root" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends mysql-server >/dev/null 2>&1
    touch "$root/stamp"
fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
rm -rf "$root/data"
install -d -o "$(chroot "$root" id -u mysql)" "$root/data"
say "starting $(chroot "$root" mysqld --version)"
chroot "$root" mysqld --no-defaults --user=mysql --datadir=/data --initialize-insecure 2>"$root/log"
chroot "$root" mysqld --no-defaults --user=mysql --datadir=/data --port="$port" --bind-address=127.0.0.1 \
    --socket=/data/socket --mysqlx=OFF --max-connections=600 --innodb-flush-log-at-trx-commit=0 2>>"$root/log" &
server=$!
trap 'kill $server; wait $server || true' EXIT

sql() { chroot "$root" mysql --no-defaults --socket=/data/socket -uroot -e "$1" 2>>"$root/log"; }
for _ in $(seq 100); do
    sql "SELECT 1" >/dev/null && break
    kill -0 $server 2>/dev/null || { say "it did not start:"; tail "$root/log" >&2; exit 1; }
    sleep 0.2
done
sql "CREATE USER penstock@'%' IDENTIFIED BY 'penstock'; GRANT ALL ON *.* TO penstock@'%'"

export PENSTOCK_TEST_MYSQL_URL="mysql://penstock:penstock@127.0.0.1:$port" PENSTOCK_REQUIRE=mysql9
if [ $# -gt 0 ]; then "$@"; else cargo nextest run --workspace -E 'test(mysql_9)'; fi
