"""Keys that a first-dash importer misfiled: found and counted everywhere, repaired nowhere unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.profiles import profiles
from lab.profiles.service_install import COMPANY, PEER_DIR
from tests.lab import rig

ROWS = f"SELECT key_type || ' ' || key_id FROM whatsapp_keys WHERE company_id = '{COMPANY}';"


def unreachable() -> int:
    """How many keys Baileys does not find, by the list of ids that it was given when it wrote them."""
    listed = json.loads(rig.sh(f"cat {PEER_DIR}/keys.json"))
    keys = {f"{key_type} {key_id}" for key_type, ids in listed.items() for key_id in ids}
    return len(keys - set(rig.sql(ROWS).splitlines()))


pytestmark = rig.only_in_soak


@pytest.fixture(scope="module")
def report(lab: None) -> Iterator[dict[str, Any]]:
    """The first rollout from profile `misfiled`."""
    profiles.reset("misfiled")
    rig.wait_for_boot()
    before = rig.rows()
    applied = rig.rollout("apply", "lab", "--json")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert rig.rows() == before, "rows were repaired, or lost, without being asked"
    yield json.loads(applied.stdout)


def test_misfiled_keys_are_counted_in_plan_report_and_check(report: dict[str, Any]) -> None:
    """An importer that compares counts is content with 80 % of the keys unreachable."""
    number = unreachable()
    assert number > 1000
    host = next(entry for entry in report["hosts"] if entry["host"] == rig.SERVICE_HOST)
    (told,) = host["switch"]["found"]
    assert f"{number} keys" in told and "store misfiled" in told and "pre-key" in told
    assert any(f"{number} of {COMPANY}" in sentence for sentence in host["found"])
    plan = rig.rollout("plan", "lab", "--host", rig.SERVICE_HOST)
    assert f"{number} keys" in " ".join(plan.stdout.split())
    verified = rig.rollout("verify", "lab", "--only", "sessions_in_database")
    assert verified.returncode == 1 and f"{number} of {COMPANY}" in verified.stdout


def test_everything_else_is_rolled_out(report: dict[str, Any]) -> None:
    """Somebody else's mistake must not keep a server from its updates."""
    host = next(entry for entry in report["hosts"] if entry["host"] == rig.SERVICE_HOST)
    assert host["failure"] == "" and host["checks"]["failed"] == 0
    assert host["switch"]["revision"]["from"] != host["switch"]["revision"]["to"]


def test_second_run_changes_nothing(report: dict[str, Any]) -> None:
    """It is told again, and nothing is done again."""
    again = rig.rollout("apply", "lab", "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    hosts = json.loads(again.stdout)["hosts"]
    assert [entry["changed"] for entry in hosts] == [[], []]
    assert any(entry["found"] for entry in hosts)
