#!/bin/sh
# Installs the programs that tests run for real: ./install-programs.sh. Only as root on a system with apt-get;
# elsewhere tests that need one are skipped and say so. No service of theirs is started.
set -eu

# program package
wanted='
pgbench postgresql-contrib
nginx nginx-light
redis-server redis-server
redis-benchmark redis-tools
memcached memcached
wrk wrk
ab apache2-utils
sysbench sysbench
fio fio
stress-ng stress-ng
hackbench rt-tests
perf linux-perf
sudo sudo
'

missing() {
    echo "$wanted" | while read -r program package; do
        [ -n "$program" ] || continue
        command -v "$program" >/dev/null 2>&1 && continue
        [ "$program" = pgbench ] && ls /usr/lib/postgresql/*/bin/pgbench >/dev/null 2>&1 && continue
        echo "$package"
    done
}

packages=$(missing)
[ -n "$packages" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "kerntune: tests that need these packages will be skipped:" $packages >&2
    exit 0
fi

# Debian starts a server when its package is installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
echo "kerntune: installing" $packages >&2
apt-get update -qq >&2 || true
# one by one: where one is not to be had, its tests are skipped
for package in $packages; do
    apt-get install --yes --quiet --no-install-recommends "$package" >/dev/null 2>&1 ||
        echo "kerntune: $package cannot be installed; tests that need it will be skipped" >&2
done
