"""A server on which everything was done by hand: little to change, and nothing claimed unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.profiles import profiles
from lab.profiles.service_install import APP_DIR
from tests.lab import rig

pytestmark = rig.only_in_soak


@pytest.fixture(scope="module")
def report(lab: None) -> Iterator[dict[str, Any]]:
    """The first rollout from profile `cleaned-by-hand`; before it, the disk alone is checked."""
    profiles.reset("cleaned-by-hand")
    rig.wait_for_boot()
    before = rig.rows()
    disk = rig.rollout("verify", "lab", "--only", "disk")
    assert disk.returncode == 0, disk.stdout
    plan = rig.rollout("plan", "lab")
    assert plan.returncode == 2, plan.stdout
    for word in (
        "import company",
        "archive baileys",
        "set baileys",
        "Archive the legacy",
        "Retire the",
    ):
        assert word not in plan.stdout, plan.stdout
    applied = rig.rollout("apply", "lab", "--json")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert set(before) <= set(rig.rows()), "a row was lost or changed"
    yield json.loads(applied.stdout)


def test_only_what_must_change_is_changed(report: dict[str, Any]) -> None:
    """Where the work is done already, a rollout that does more can only do harm."""
    host = next(entry for entry in report["hosts"] if entry["host"] == rig.SERVICE_HOST)
    revision = host["switch"]["revision"]
    assert revision["from"] == revision["to"], "the version that ran is the declared one"
    assert host["archives"] == [] and host["removed"] == []
    assert host["switch"]["set_aside"] == [] and host["switch"]["cut_over"] == []


def test_what_nobody_recorded_is_not_checked_and_never_passed(report: dict[str, Any]) -> None:
    """The files are gone: that they were moved whole can't be known any more."""
    host = next(entry for entry in report["hosts"] if entry["host"] == rig.SERVICE_HOST)
    assert host["checks"]["failed"] == 0
    reasons = " ".join(host["not_checked"])
    for words in ("no import is recorded", "nothing was archived on this host"):
        assert words in reasons, host["not_checked"]


def test_second_run_changes_nothing(report: dict[str, Any]) -> None:
    """From then on it is a server like any other; its checkout is still there as the way back."""
    again = rig.rollout("apply", "lab", "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    assert [entry["changed"] for entry in json.loads(again.stdout)["hosts"]] == [[], []]
    assert rig.sh(f"test -d {APP_DIR}/.git && echo there").strip() == "there"
