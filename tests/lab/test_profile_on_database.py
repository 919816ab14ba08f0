"""A service that has run on PostgreSQL for eleven days: adopted as it is, nothing moved twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from subprocess import CompletedProcess
from typing import Any

import pytest

from lab.profiles import profiles
from lab.profiles.service_install import APP_DIR, COMPANY
from tests.lab import rig
from tests.lab.story import LEGACY

# What the service's own migration made: the tables themselves, not copies of them.
SCHEMA = (
    "SELECT 'relation ' || oid || ' ' || relname FROM pg_class"
    " WHERE relname LIKE '%whatsapp_keys%' OR relname LIKE '%whatsapp_auth%' UNION ALL"
    " SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgname LIKE 'update_whatsapp_%' UNION ALL"
    " SELECT 'function ' || proname FROM pg_proc WHERE proname LIKE '%whatsapp_keys' ORDER BY 1;"
)
UPDATED = "SELECT key_type || ' ' || key_id || ' ' || updated_at FROM whatsapp_keys ORDER BY 1;"


@dataclass
class Story:
    """What was seen before and after the rollout."""

    schema: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    checkout: dict[str, Any] = field(default_factory=dict)
    plan: CompletedProcess[str] | None = None
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def wa(self) -> dict[str, Any]:
        """The report of the service host."""
        return next(entry for entry in self.report["hosts"] if entry["host"] == rig.SERVICE_HOST)


def checkout() -> dict[str, Any]:
    """The in-place checkout's own files: those that git knows, but for the retired scripts."""
    listed = rig.as_service("git ls-files", APP_DIR).splitlines()
    files = rig.tree(APP_DIR)
    kept = (f"{APP_DIR}/{name}" for name in listed if not name.startswith("scripts/"))
    return {name: files[name] for name in kept}


@pytest.fixture(scope="module")
def story(lab: None) -> Iterator[Story]:
    """The first rollout from profile `on-database`."""
    profiles.reset("on-database")
    rig.wait_for_boot()
    assert rig.status()["provider"] == "postgres"
    told = Story(
        rig.sql(SCHEMA).splitlines(), rig.sql(UPDATED).splitlines(), rig.rows(), checkout()
    )
    rig.peer_writes(rig.MESSAGE)
    told.plan = rig.rollout("plan", "lab")
    applied = rig.rollout("apply", "lab", "--json")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    told.report = json.loads(applied.stdout)
    yield told


def test_the_profile_is_as_a_server_that_has_lived(story: Story) -> None:
    """A profile that is easier than production proves nothing about it."""
    assert len({line.rpartition(" ")[0].rpartition(" ")[2] for line in story.updated}) >= 11
    moved = [line for line in story.rows if line.startswith("session 200000000003")]
    assert moved, "no session moved to the LID of a contact"
    assert len(story.schema) >= 10, story.schema


def test_plan_lists_what_must_change_and_no_import(story: Story) -> None:
    """A company that the database has must never be imported again: its ratchets would go back."""
    assert story.plan is not None and story.plan.returncode == 2, story.plan
    text = " ".join(story.plan.stdout.split())
    for words in (
        "Stage the release v2.0.0",
        f"release in-place checkout {APP_DIR}",
        *(f"archive {name}, encrypted" for name in LEGACY),
    ):
        assert words in text, f"{words!r} is not in the plan:\n{story.plan.stdout}"
    assert "import company" not in text


def test_tables_are_adopted_and_no_row_is_touched(story: Story) -> None:
    """A table made anew, or a row rewritten, is a key that could have been lost."""
    now = rig.sql(SCHEMA).splitlines()
    assert set(story.schema) <= set(now), "something that the service's migration made is gone"
    assert set(story.updated) <= set(rig.sql(UPDATED).splitlines())
    keys = [line for line in story.rows if not line.startswith("creds ")]
    assert set(keys) <= set(rig.rows())


def test_report_shows_no_import_and_every_directory_gone(story: Story) -> None:
    """The report must not claim a move that did not happen."""
    counts = story.wa["switch"]["companies"][COMPANY]
    keys = len(story.rows) - 1
    assert (counts["keys_before"], counts["keys_imported"], counts["keys_after"]) == (
        *(keys, None, keys),
    )
    assert {entry["name"] for entry in story.wa["removed"]} == set(LEGACY)
    assert {entry["name"] for entry in story.wa["archives"]} == set(LEGACY)
    left = [path for path in rig.tree(APP_DIR) if path.startswith(f"{APP_DIR}/baileys_")]
    assert not left
    assert any("no import is recorded" in reason for reason in story.wa["not_checked"])


def test_the_checkout_is_kept_as_the_way_back(story: Story) -> None:
    """The release before must be there whole, or there is no way back to it."""
    assert checkout() == story.checkout
    assert rig.sh(f"readlink {APP_DIR}/current").strip().startswith("releases/")


def test_conversation_goes_on(story: Story) -> None:
    """Rows that are there prove little; a message that decrypts proves the ratchet."""
    assert rig.service_reads() == [rig.MESSAGE, rig.MESSAGE]


def test_second_run_changes_nothing(story: Story) -> None:
    """An adopted server must be an ordinary one from then on."""
    pid = rig.status()["pid"]
    again = rig.rollout("apply", "lab", "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    assert [entry["changed"] for entry in json.loads(again.stdout)["hosts"]] == [[], []]
    assert rig.status()["pid"] == pid
