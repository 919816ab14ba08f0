"""What the whole-rollout tests do to the lab and read off it: the host as it is, never our own word.

Commands run as root on ``wa-1`` and ``db-1`` over SSH; nothing here goes through the host program.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lab.fleet import hosts
from lab.profiles.service_install import APP_DIR, COMPANY, PEER_DIR, PM2_APP, TOOLS_DIR, USER
from roles.hostprogram.command import RESUME

ROOT = Path(__file__).resolve().parent.parent.parent
SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
only_in_soak = pytest.mark.skipif(not SOAK, reason="one of the long forms: make soak")
SERVICE_HOST, DATABASE_HOST = "wa-1", "db-1"
DRILL = "/run/baileys-rollout/die-at"
FIRST_INSTANT = "intent:ready"
MESSAGE = "written before the rollout"

# Every file below some roots: type, owner, mode, and the content's hash; times are left out.
TREE = """
import hashlib, json, os, stat, sys
found = {}
for root in json.load(sys.stdin):
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in ("node_modules", ".git", "logs")]
        for name in [*files, *folders]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            what = [stat.S_IFMT(status.st_mode), status.st_uid, oct(status.st_mode & 0o7777)]
            if stat.S_ISREG(status.st_mode):
                what.append(hashlib.sha256(open(path, "rb").read()).hexdigest())
            elif stat.S_ISLNK(status.st_mode):
                what.append(os.readlink(path))
            found[path] = what
print(json.dumps(found))
"""
STATUS = """
import sys, time, urllib.request
give_up = time.monotonic() + float(sys.argv[1])
while True:
    try:
        print(urllib.request.urlopen("http://127.0.0.1:3010/status", timeout=5).read().decode())
        break
    except OSError as error:
        if time.monotonic() > give_up:
            sys.exit(f"no answer: {error}")
        time.sleep(0.1)
"""
ROWS = (
    "SELECT key_type || ' ' || key_id || ' ' || md5(value::text) FROM whatsapp_keys"
    f" WHERE company_id = '{COMPANY}' UNION ALL"
    f" SELECT 'creds ' || md5(creds::text) FROM whatsapp_auth WHERE company_id = '{COMPANY}' ORDER BY 1"
)


def sh(command: str, stdin: bytes = b"", host: str = SERVICE_HOST) -> str:
    """Run a shell command as root on a host and return what it printed."""
    return hosts.get(host).run(command, stdin=stdin, sudo=True).stdout.decode()


def as_service(command: str, directory: str = f"{APP_DIR}/current") -> str:
    """Run a shell command as the service's user in a release's directory."""
    return sh(f"cd {directory} && sudo -H -u {USER} -- sh -euc {shlex.quote(command)}")


def sql(text: str) -> str:
    """Run SQL as PostgreSQL's superuser on the database host."""
    psql = "cd / && sudo -u postgres psql -XAtq -v ON_ERROR_STOP=1 -d whatsapp"
    return sh(psql, text.encode(), DATABASE_HOST)


def rollout(*words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """The operator's command, as an operator types it."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "rollout"), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def pyinfra(*words: str) -> subprocess.CompletedProcess[str]:
    """pyinfra by itself, as the README shows it."""
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "pyinfra"),
            "inventory/lab.py",
            "deploy.py",
            "-y",
            *words,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def tree(*roots: str, host: str = SERVICE_HOST) -> dict[str, Any]:
    """Every file below some directories: kind, owner, mode and content."""
    script = f"python3 -c {shlex.quote(TREE)}"
    return dict(json.loads(sh(script, json.dumps(list(roots)).encode(), host)))


def rows() -> list[str]:
    """The company's keys and credentials as the database holds them, a line each, hashed."""
    return sql(ROWS + ";").splitlines()


def status(patience: float = 30) -> dict[str, Any]:
    """What the service answers, waiting for it to answer at all."""
    return dict(json.loads(sh(f"python3 - {patience}", STATUS.encode())))


def pm2() -> dict[str, Any]:
    """What PM2 says of the service, without ids and times."""
    listed = as_service("pm2 jlist", APP_DIR)
    apps = json.loads(listed[listed.index("[") :])
    (app,) = (entry for entry in apps if entry["name"] == PM2_APP)
    environment = app["pm2_env"]
    fields = ("status", "exec_mode", "pm_exec_path", "pm_cwd", "kill_timeout", "instances")
    return {"apps": len(apps), **{name: environment.get(name) for name in fields}}


def conversation(
    command: str, *options: str, directory: str = f"{APP_DIR}/current"
) -> dict[str, Any]:
    """One command of the lab's Signal conversation; its answer, if it gives one."""
    words = shlex.join([command, *options])
    said = as_service(f"node {TOOLS_DIR}/conversation.mjs {words}", directory)
    lines = [line for line in said.splitlines() if line.startswith("{")]
    return dict(json.loads(lines[-1])) if lines else {}


def peer_writes(text: str) -> None:
    """The peer encrypts a message to the service, from its own state, before the rollout."""
    message = f"{PEER_DIR}/to-service.json"
    conversation(
        "peer-encrypt", "--peer", f"{PEER_DIR}/peer.json", "--text", text, "--out", message,
        directory=APP_DIR,
    )  # fmt: skip


def service_reads() -> list[str]:
    """The service decrypts it with its keys from PostgreSQL, through its own release."""
    answer = conversation(
        "service-decrypt", "--provider", "postgres", "--in", f"{PEER_DIR}/to-service.json"
    )
    return list(answer["texts"])


def peer_reads_reply(text: str) -> list[str]:
    """The service replies from PostgreSQL, and the peer decrypts the reply."""
    peer = json.loads(sh(f"cat {PEER_DIR}/peer.json"))
    reply = f"{PEER_DIR}/to-peer.json"
    conversation(
        "service-reply",
        "--provider",
        "postgres",
        "--to",
        peer["jid"],
        "--text",
        text,
        "--out",
        reply,
    )
    answer = conversation("peer-decrypt", "--peer", f"{PEER_DIR}/peer.json", "--in", reply)
    return list(answer["texts"])


def read_by_the_real_library(*options: str, directory: str) -> list[str]:
    """A digest of each key as Baileys itself reads it, a line each."""
    read = as_service(f"node {TOOLS_DIR}/read-keys.mjs {shlex.join(options)}", directory)
    return sorted(line for line in read.splitlines() if line.startswith("{"))


def die_at(instant: str) -> None:
    """Let the next switch kill itself right after this line of its journal is on the disk."""
    sh(f"mkdir -p {Path(DRILL).parent} && printf %s {shlex.quote(instant)} > {DRILL}")


def wait_for_resume() -> None:
    """Wait until the unit that ends a switch whose program died has done so."""
    sh(f"systemctl start {RESUME}")


def no_drill() -> None:
    """Disarm the drill."""
    sh(f"rm -f {DRILL}")


def wait_for_boot(seconds: float = 90) -> None:
    """Wait until systemd has finished booting, units around PM2 included."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        done = hosts.get(SERVICE_HOST).run("systemctl is-system-running", check=False)
        if done.stdout.decode().strip() in ("running", "degraded"):
            return
        time.sleep(0.5)
    raise TimeoutError(f"{SERVICE_HOST} did not finish booting within {seconds:.0f} s")


def end_state() -> dict[str, Any]:
    """What a rollout leaves behind: every file's content, the rows, and PM2's view of the service."""
    return {"files": tree(APP_DIR), "rows": rows(), "pm2": pm2()}
