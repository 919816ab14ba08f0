"""Seconds without service of a code-only switch, against a bare ``pm2 restart``.

Both are watched on the host by a poller that asks every 20 ms: from the last answer of the old
process to the first answer of the new one.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Callable
from statistics import median

from bench.lab_commands import converged, program, seconds_of
from lab.fleet import hosts
from lab.machine.remote import ssh_argv
from lab.profiles.service_install import APP_DIR, PM2_APP, REPOSITORY, USER

HOST = "wa-1"
ALLOWED = "1.3 × + 0.3 s"
# A new commit with the same code under the declared tag: what a release without a cut-over is.
NEW_REVISION = f"""
set -eu
cd "$(mktemp -d)"
git clone --quiet {REPOSITORY} . && git checkout --quiet --detach v2.0.0
date +%s%N > BUILD && git add BUILD
git -c user.name=bench -c user.email=bench@example.net commit --quiet -m "Another build"
git tag --force v2.0.0 >/dev/null && git push --quiet --force origin v2.0.0
"""
POLLER = """
import json, time, urllib.request
last, failed = None, False
end = time.monotonic() + 600
while time.monotonic() < end:
    asked = time.monotonic()
    try:
        urllib.request.urlopen("http://127.0.0.1:3010/status", timeout=2).read()
        now = time.monotonic()
        if failed and last:
            print(json.dumps({"gap": now - last}), flush=True)
            break
        if last is None:
            print("watching", flush=True)
        last = now
    except OSError:
        failed = True
    time.sleep(max(0, asked + 0.02 - time.monotonic()))
"""


def compare(rounds: int) -> list[str]:
    """Watch a code-only switch and a bare restart in turn.

    Args:
        rounds: how often each.

    Returns:
        The table's row, with whether it is within 1.3 × + 0.3 s.
    """
    converged()
    with hosts.hold():
        switch, restart = [], []
        for _ in range(rounds):
            as_service(NEW_REVISION)
            switch.append(gap_during(roll_out))
            restart.append(gap_during(restart_bare))
    ours, bare = median(switch), median(restart)
    verdict = "within" if ours <= 1.3 * bare + 0.3 else "**beyond**"
    what = f"seconds without service of a code-only switch; `pm2 restart` ({verdict} {ALLOWED})"
    return [f"| {what} | {ours:.2f} | {bare:.2f} | {ours / bare:.2f} × |"]


def roll_out() -> None:
    """A rollout of the new commit."""
    seconds_of([program("rollout"), "apply", "lab", "--host", HOST, "--reason", "bench"])


def restart_bare() -> None:
    """What one would type instead."""
    as_service(f"pm2 restart {PM2_APP} >/dev/null")
    time.sleep(1)


def as_service(command: str) -> None:
    """Run a command as the service's user."""
    words = f"cd {APP_DIR} && sudo -H -u {USER} -- sh -euc {shlex.quote(command)}"
    hosts.get(HOST).run(words, sudo=True)


def gap_during(act: Callable[[], None]) -> float:
    """How long nobody answered while something was done, in seconds, polled on the host."""
    host = hosts.get(HOST)
    words = ssh_argv(host.place, host.spec, f"python3 -c {shlex.quote(POLLER)}")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as poller:
        assert poller.stdout
        if poller.stdout.readline().strip() != "watching":
            raise RuntimeError("the service does not answer, so there is nothing to watch")
        try:
            act()
        except BaseException:
            poller.kill()  # it would wait for a gap that does not come
            raise
        found = json.loads(poller.stdout.readline())
    return float(found["gap"])
