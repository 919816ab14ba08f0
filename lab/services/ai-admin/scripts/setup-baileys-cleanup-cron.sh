#!/bin/sh
# Installs the clean-up jobs in the crontab of the user who runs this, once.
set -eu

app=$(cd "$(dirname "$0")/.." && pwd)
job() { echo "$1 cd $app && /usr/bin/node scripts/$2 >> logs/baileys-cleanup.log 2>&1"; }

mkdir -p "$app/logs"
{
  crontab -l 2>/dev/null | grep -v scripts/baileys- || true
  job '15 3 * * *' baileys-multitenancy-cleanup.js
  job '0 */6 * * *' baileys-auto-cleanup-trigger.js
} | crontab -
crontab -l | grep scripts/baileys-
