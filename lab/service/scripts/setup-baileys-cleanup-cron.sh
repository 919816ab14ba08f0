#!/bin/sh
# Installs the nightly clean-up in the crontab of the user who runs this, once.
set -eu

app=$(cd "$(dirname "$0")/.." && pwd)
job="15 3 * * * cd $app && /usr/bin/node scripts/baileys-multitenancy-cleanup.js >> logs/baileys-cleanup.log 2>&1"

mkdir -p "$app/logs"
{ crontab -l 2>/dev/null | grep -v baileys-multitenancy-cleanup || true; echo "$job"; } | crontab -
crontab -l | grep baileys-multitenancy-cleanup
