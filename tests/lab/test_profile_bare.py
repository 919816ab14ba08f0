"""A server as it is delivered: provisioned, and left waiting for its first pairing, which is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.profiles import profiles
from lab.profiles.service_install import COMPANY, PM2_APP
from tests.lab import rig


@pytest.fixture(scope="module")
def report(lab: None) -> Iterator[dict[str, Any]]:
    """The first rollout from profile `bare`."""
    profiles.reset("bare")
    plan = rig.rollout("plan", "lab")
    assert plan.returncode == 2, plan.stdout
    for word in ("Install Debian packages", "Install PostgreSQL", "Install PM2"):
        assert word in plan.stdout, plan.stdout
    assert "mistakes" not in plan.stdout
    applied = rig.rollout("apply", "lab", "--json", timeout=900)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    yield json.loads(applied.stdout)


def test_the_service_waits_for_its_first_pairing(report: dict[str, Any]) -> None:
    """“Credentials passed” would be a lie here, and “failed” would stop every new server."""
    host = next(entry for entry in report["hosts"] if entry["host"] == rig.SERVICE_HOST)
    assert host["switch"]["awaiting_pairing"] == [COMPANY]
    assert any("no pairing yet" in reason for reason in host["not_checked"])
    assert host["checks"]["failed"] == 0
    status = rig.status()
    assert (status["provider"], status["companies"][COMPANY]["credentials"]) == ("postgres", False)
    assert rig.rows() == []


def test_second_run_changes_nothing(report: dict[str, Any]) -> None:
    """A server that waits for weeks is rolled out to meanwhile."""
    pid = rig.status()["pid"]
    again = rig.rollout("apply", "lab", "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    assert [entry["changed"] for entry in json.loads(again.stdout)["hosts"]] == [[], []]
    assert rig.status()["pid"] == pid


@rig.only_in_soak
def test_credentials_that_are_gone_are_no_first_pairing(report: dict[str, Any]) -> None:
    """A database that was restored empty looks just like a new one: the record tells them apart."""
    rig.sql(f"INSERT INTO whatsapp_auth (company_id, creds) VALUES ('{COMPANY}', '{{}}')")
    paired = rig.rollout("plan", "lab", "--host", rig.SERVICE_HOST)
    assert "has its first credentials" in " ".join(paired.stdout.split())
    # Its checks may fail, because nobody really paired; what counts is what it puts on record.
    rig.rollout("apply", "lab")
    assert '"paired"' in rig.sh("cat /var/lib/baileys-rollout/history.jsonl")
    rig.sql(f"DELETE FROM whatsapp_auth WHERE company_id = '{COMPANY}'")
    rig.as_service(f"pm2 stop {PM2_APP}")
    plan = rig.rollout("plan", "lab", "--host", rig.SERVICE_HOST)
    assert plan.returncode == 1
    assert "a start would make a new identity" in " ".join(plan.stdout.split())
    rig.as_service(f"pm2 start {PM2_APP}")
    rig.status()
    verified = rig.rollout("verify", "lab", "--host", rig.SERVICE_HOST)
    assert verified.returncode == 1 and "no credentials" in verified.stdout
