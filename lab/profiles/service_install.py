"""Put the lab's service on a host as it was before the clean-up: profile `on-files`.

A checkout in place at the old revision, session files written by that revision, the legacy
directories, the clean-up cron job, and the service up under PM2 (docs/facts.md section 1).
"""

from __future__ import annotations

import io
import json
import shlex
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.place import LabError
from lab.profiles.service_repository import BRANCH, SOURCES, build_repository

USER = "ai-admin"
APP_DIR = "/opt/ai-admin"
REPOSITORY = "/srv/git/ai-admin.git"
TOOLS_DIR = "/srv/lab-tools"
PEER_DIR = "/srv/lab-peer"
PM2_APP = "baileys-whatsapp-service"
STATUS_URL = "http://127.0.0.1:3010/status"
COMPANY = "962302"
KEYS = 1313

# What an operator would find there: comments, quotes and an empty value among the settings, so
# that a rollout that rewrites the file instead of editing it shows. `COMPANIES` follows it.
ENV = """\
# ai-admin: settings of this server
NODE_ENV=production
APP_NAME="ai-admin assistant"   # shown in the panel
GREETING='Hello, "friend" # no comment'
WEBHOOK_URL="https://hooks.example.org/in?source=wa&v=2#main"
PROXY=

# Sessions: files, while both are off
USE_LEGACY_SUPABASE=false
USE_REPOSITORY_PATTERN=false

STATUS_PORT=3010
LOG_LEVEL=info
MESSAGE_ECHO=false
"""


def wait_for(url: str) -> str:
    """A Python program that prints what an address answers as soon as it does."""
    return f"""\
import sys, time, urllib.request
give_up = time.monotonic() + 60
while True:
    try:
        sys.stdout.write(urllib.request.urlopen("{url}", timeout=5).read().decode())
        break
    except OSError:
        if time.monotonic() > give_up:
            sys.exit("no answer from {url} within 60 s: see pm2 logs {PM2_APP}")
        time.sleep(0.2)
"""


# Answers once the service does: the pool is initialised before the endpoint listens.
WAIT_FOR_STATUS = wait_for(STATUS_URL)


class Runner(Protocol):
    """Whatever runs shell commands as root on one host."""

    def run(self, command: str, stdin: bytes | None = None) -> bytes:
        """Run a command to its end and return its standard output; raise if it fails."""


@dataclass(frozen=True)
class Installed:
    """What was put on the host.

    Attributes:
        revisions: the commit id of each tag of the service's repository.
        status: what the service's status endpoint answered.
    """

    revisions: dict[str, str]
    status: dict[str, object]


def install_on_files(host: Runner, company: str = COMPANY) -> Installed:
    """Put profile `on-files` on a clean host that has Node.js, npm, git, cron and PM2.

    Params:
        host: runs commands as root on it.
        company: whose session files are made.
    Returns:
        the revisions in its git repository, and the running service's status.
    Raises:
        LabError: the service does not run on 1,313 keys from files at the end.
    """
    _make_user(host)
    revisions = put_repository(host)
    _check_out(host, "v1.0.0")
    _write_env(host, company)
    as_user(host, "npm ci --no-progress --loglevel=error")
    _seed(host, company)
    as_user(host, "sh scripts/setup-baileys-cleanup-cron.sh")
    _start(host)
    status = json.loads(host.run("python3 -", WAIT_FOR_STATUS.encode()))
    _check(status, revisions["v1.0.0"], company)
    return Installed(revisions, status)


def as_user(host: Runner, command: str, directory: str = APP_DIR, user: str = USER) -> bytes:
    """Run a command as the service's user.

    Params:
        host: runs commands as root.
        command: for a shell.
        directory: where; that of the application unless given.
        user: who the service runs as.
    Returns:
        its standard output.
    """
    # cd before sudo: the login user's own directory is closed to the service's user.
    where, what = shlex.quote(directory), shlex.quote(command)
    return host.run(f"cd {where} && sudo -H -u {user} -- sh -euc {what}")


def _make_user(host: Runner) -> None:
    host.run(f"id -u {USER} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash {USER}")
    host.run(f"install -d -o {USER} -g {USER} -m 0755 {APP_DIR}")
    host.run(f"install -d -o {USER} -g {USER} -m 0700 {PEER_DIR}")


def put_repository(
    host: Runner,
    owner: str = f"{USER}:{USER}",
    build: Callable[[Path], dict[str, str]] = build_repository,
) -> dict[str, str]:
    """Put the service's git repository on a host.

    Params:
        host: runs commands as root.
        owner: its reader must own it: git refuses repositories of other users as "dubious".
        build: makes it.
    Returns:
        the commit id of each tag.
    """
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / "ai-admin.git"
        revisions = build(local)
        unpack(host, local, REPOSITORY)
    host.run(f"chown -R {owner} {REPOSITORY}")
    return revisions


def _check_out(host: Runner, tag: str) -> None:
    as_user(host, f"git clone --quiet {REPOSITORY} . && git reset --quiet --hard {tag}")
    as_user(host, f"git branch --quiet --set-upstream-to=origin/{BRANCH} {BRANCH}")


def _write_env(host: Runner, company: str) -> None:
    text = f"{ENV}COMPANIES={company}\n"
    host.run(f"umask 077 && cat > {APP_DIR}/.env && chown {USER}: {APP_DIR}/.env", text.encode())


def _seed(host: Runner, company: str) -> None:
    unpack(host, SOURCES / "tools", TOOLS_DIR)
    as_user(host, f"LAB_COMPANY={company} node {TOOLS_DIR}/seed.mjs {PEER_DIR}")


def _start(host: Runner) -> None:
    as_user(host, f"pm2 start src/server.js --name {PM2_APP} && pm2 save")
    host.run(f"pm2 startup systemd -u {USER} --hp /home/{USER}")
    # From here on as after a reboot: PM2's daemon belongs to its unit, not to this login.
    as_user(host, "pm2 kill")
    host.run(f"systemctl start pm2-{USER}")


def _check(status: dict[str, object], revision: str, company: str) -> None:
    companies = status["companies"]
    assert isinstance(companies, dict)
    one = companies[company]
    seen = (status["revision"], status["provider"], one["credentials"], one["keys"])
    if seen != (revision, "files", True, KEYS):
        raise LabError(f"the old service should run on {KEYS} keys from files, but: {status}")


def unpack(host: Runner, source: Path, target: str) -> None:
    """Put a directory's content on the host, root's and readable by all, in place of what is there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(source, arcname=".", filter=_readable)
    host.run(f"rm -rf {target} && mkdir -p {target} && tar -x -C {target}", buffer.getvalue())


def _readable(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Root's, and readable by everybody, whatever the umask of this machine."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() else 0o644
    return member
