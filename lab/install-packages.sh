#!/bin/sh
# Install the Debian packages that the lab and the tests need on this machine, if any is missing.
set -eu
packages="systemd-container mmdebstrap debian-archive-keyring nftables iproute2 openssh-client openssl zstd age
libpq5 python3-venv"
missing=""
for package in $packages; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
# The tests run the service's own Node.js code here too; a newer Node.js than Debian's may be there.
command -v npm >/dev/null || missing="$missing nodejs npm"
[ -n "$missing" ] || exit 0
echo "Installing Debian packages:$missing …"
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
