"""The first rollout on real hosts, told once: several files of tests begin where it ends."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from subprocess import CompletedProcess
from typing import Any

from lab.fleet import hosts
from lab.profiles import profiles
from lab.profiles.service_install import APP_DIR, COMPANY, PEER_DIR
from tests.lab import rig

# The snapshot of both hosts after it: where the service's later life begins.
ROLLED_OUT = "rolled-out"


@dataclass
class Story:
    """What was seen before, during and after the first rollout."""

    before: dict[str, Any] = field(default_factory=dict)
    plan: CompletedProcess[str] | None = None
    after_plan: dict[str, Any] = field(default_factory=dict)
    keys_in_files: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    keys_in_database: list[str] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)

    @property
    def wa(self) -> dict[str, Any]:
        """The report of the service host."""
        return next(entry for entry in self.report["hosts"] if entry["host"] == rig.SERVICE_HOST)


def untouched_state() -> dict[str, Any]:
    """Everything that a plan must not change on either host."""
    places = (APP_DIR, "/etc", "/home", "/usr/local", "/var/backups", "/var/lib", "/var/spool/cron")
    return {
        "files": rig.tree(*places),
        "database host": rig.tree("/etc", host=rig.DATABASE_HOST),
        "databases": rig.sh(
            "cd / && sudo -u postgres psql -XAtqc 'SELECT datname FROM pg_database ORDER BY 1'",
            host=rig.DATABASE_HOST,
        ),
        "pid": rig.status()["pid"],
    }


def first_rollout() -> Story:
    """The first rollout from profile ``on-files``, as an operator does it; its end is kept."""
    profiles.reset("on-files")
    rig.wait_for_boot()
    told = Story(before=untouched_state())
    told.plan = rig.rollout("plan", "lab")
    told.after_plan = untouched_state()
    told.keys_in_files = rig.read_by_the_real_library(
        *("--from", "directory", "--path", f"{APP_DIR}/baileys_sessions/company_{COMPANY}"),
        *("--ids", f"{PEER_DIR}/keys.json"),
        directory=APP_DIR,
    )
    rig.peer_writes(rig.MESSAGE)
    applied = rig.rollout("apply", "lab", "--reason", "the first", "--json")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    told.report = json.loads(applied.stdout)
    told.keys_in_database = rig.read_by_the_real_library(
        "--from", "postgres", directory=f"{APP_DIR}/current"
    )
    told.end = rig.end_state()
    hosts.snapshot(ROLLED_OUT)
    return told


LEGACY = (
    "baileys_sessions",
    "baileys_sessions_backup",
    "baileys_sessions.backup.phase07.20251107_200734",
    "baileys_test_auth",
)
