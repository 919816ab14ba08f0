"""Put ai-admin on a host as it stands on its team's server: in one checkout, under root's PM2."""

from __future__ import annotations

import json
import time
from typing import Any

from lab.machine.remote import Host
from lab.place import LabError
from lab.profiles.ai_admin import libsignal
from lab.profiles.ai_admin.repository import SOURCES, build_repository
from lab.profiles.database_by_hand import Access, run_sql
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import (
    APP_DIR,
    PEER_DIR,
    PM2_APP,
    TOOLS_DIR,
    as_user,
    put_repository,
    unpack,
    wait_for,
)
from lab.profiles.service_repository import BRANCH, REVISIONS
from lab.profiles.service_repository import SOURCES as SHARED

USER = "root"
COMPANY = "962302"
DATABASE, ROLE = "default_db", "gen_user"
HEALTH_URL = "http://127.0.0.1:3003/health"
REPOSITORY = "/srv/git/ai-admin.git"

# What all its apps read. The data of the business is in PostgreSQL already, the sessions are not.
ENV = """\
# AI Admin: settings of production
NODE_ENV=production
API_PORT=3000
BAILEYS_PORT=3003
APP_NAME="AI Admin"   # shown to clients
GREETING='Hello, "friend" # no comment'
WEBHOOK_URL="https://hooks.example.org/in?source=wa&v=2#main"
TELEGRAM_BOT_TOKEN=
PROXY=

# Database
{database}POSTGRES_MAX_CONNECTIONS=3
POSTGRES_SSL=true

# Migration from Supabase
USE_LEGACY_SUPABASE=false
USE_REPOSITORY_PATTERN=true
USE_DATABASE_AUTH_STATE=false
LOG_LEVEL=info

# Stands in for WhatsApp
{whatsapp}"""


def run(host: AsRoot, command: str) -> bytes:
    """Run a command in the checkout, as its people do: as root, at home in /root."""
    return as_user(host, command, user=USER)


def check_out(host: AsRoot, tag: str = REVISIONS[0].tag) -> dict[str, str]:
    """Put the checkout in place, its dependencies installed; the commit id of each tag."""
    revisions = put_repository(host, f"{USER}:{USER}", build_repository)
    host.run(f"mkdir -p {APP_DIR}")
    run(host, f"git clone --quiet {REPOSITORY} . && git reset --quiet --hard {tag}")
    run(host, f"git branch --quiet --set-upstream-to=origin/{BRANCH} {BRANCH}")
    libsignal.put_repository(host)
    run(host, "npm ci --no-progress --loglevel=error")
    return revisions


def write_env(host: AsRoot, access: Access, whatsapp: str) -> None:
    """Write the one `.env`.

    Params:
        host: with the checkout.
        access: to the database.
        whatsapp: lines that say where it is.
    """
    text = ENV.format(database=access.lines, whatsapp=whatsapp)
    host.run(f"umask 077 && cat > {APP_DIR}/.env", text.encode())


def make_tables(database: Host) -> None:
    """Run the service's own SQL, by hand and as its role."""
    for script in sorted((SOURCES / "common" / "migrations").iterdir()):
        run_sql(database, f"SET ROLE {ROLE};\n{script.read_text()}", DATABASE)


def seed(host: AsRoot) -> None:
    """Let the service's own code write its session files, and a peer know it."""
    unpack(host, SHARED / "tools", TOOLS_DIR)
    run(host, f"LAB_KIND=ai-admin node {TOOLS_DIR}/seed.mjs {PEER_DIR}")


def start(host: AsRoot) -> None:
    """Start all apps, and let PM2's daemon belong to its unit, as after a reboot."""
    run(host, "pm2 start ecosystem.config.js && pm2 save")
    host.run(f"pm2 startup systemd -u {USER} --hp /root")
    run(host, "pm2 kill")
    host.run(f"systemctl start pm2-{USER}")


def health(host: AsRoot) -> dict[str, Any]:
    """What the service answers, as soon as it does."""
    return dict(json.loads(host.run("python3 -", wait_for(HEALTH_URL).encode())))


def log_of(host: AsRoot) -> str:
    """What the service has logged in the checkout; PM2 puts the app's number into the file's name."""
    return host.run(f"cat {APP_DIR}/logs/{PM2_APP}-out*.log").decode()


def require(host: AsRoot, *lines: str, company: str = COMPANY) -> None:
    """See that the service runs as its company, and wait until it says so.

    Raises:
        LabError: it does not within a minute.
    """
    said = health(host)
    give_up = time.monotonic() + 60
    while missing := [line for line in lines if line not in log_of(host)]:
        if time.monotonic() > give_up:
            raise LabError(f"the service's log should say {missing}; it answers {said}")
        time.sleep(0.5)
    if (said["companyId"], said["connected"]) != (company, True):
        raise LabError(f"company {company} should have a user, but: {said}")
