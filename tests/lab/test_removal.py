"""Between import and removal the database may change: removal proves again, file by file."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lab.fleet import hosts
from lab.profiles.service_install import APP_DIR, COMPANY
from tests.lab import rig

SET_ASIDE = f"{APP_DIR}/.set-aside"
KEY = f"company_id = '{COMPANY}' AND key_type = 'app-state-sync-version' AND key_id = 'regular'"


SPOIL_BY_DROPPING = (
    f"CREATE TABLE kept AS SELECT * FROM whatsapp_keys WHERE {KEY};"
    f" DELETE FROM whatsapp_keys WHERE {KEY};"
)
MEND_DROPPED = "INSERT INTO whatsapp_keys SELECT * FROM kept; DROP TABLE kept;"


@pytest.fixture(scope="module")
def switched(staged: str) -> Iterator[None]:
    """On the database by pyinfra alone, which verifies nothing, so nothing is removed yet."""
    hosts.reset(staged)
    rig.wait_for_boot()
    rig.status()
    done = rig.pyinfra("--limit", rig.SERVICE_HOST)
    assert done.returncode == 0, done.stderr
    assert rig.status()["provider"] == "postgres"
    yield


def aside() -> list[str]:
    """What is set aside."""
    return sorted(path for path in rig.tree(APP_DIR) if path.startswith(SET_ASIDE))


def test_pyinfra_by_itself_removes_nothing_unverified(switched: None) -> None:
    """Removal without a verification would be a deletion that nobody proved."""
    assert len(aside()) > 7000


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        (SPOIL_BY_DROPPING, MEND_DROPPED),
        (
            f"CREATE TABLE kept AS SELECT * FROM whatsapp_keys WHERE {KEY};"
            f" UPDATE whatsapp_keys SET value = jsonb_set(value, '{{version}}', '1') WHERE {KEY};",
            f"DELETE FROM whatsapp_keys WHERE {KEY};"
            " INSERT INTO whatsapp_keys SELECT * FROM kept; DROP TABLE kept;",
        ),
    ],
    ids=["dropped", "altered"],
)
def test_a_key_that_is_not_safe_stops_the_removal(switched: None, spoil: str, mend: str) -> None:
    """The file is the only copy left that works; deleting it loses the customer's session."""
    before = aside()
    rig.sql(spoil)
    # The host's own answer to a rollout that claims to have verified everything.
    held = json.loads(rig.sh("baileys-hostswitch status"))["set_aside"]
    archives = {archive_of(entry): "passed" for entry in held}
    token = {"rollout_id": "drill", "verified": True, "archives": archives}
    rig.sh("baileys-hostswitch record", json.dumps(token).encode())
    by_hand = rig.pyinfra("--limit", rig.SERVICE_HOST, "--data", "rollout_id=drill")
    rig.sql(mend)
    assert by_hand.returncode != 0
    assert "app-state-sync-version-regular.json" in by_hand.stderr
    assert aside() == before


def archive_of(entry: dict[str, str]) -> str:
    """Where a set-aside directory's archive is."""
    return f"/var/backups/baileys-rollout/{entry['set_aside_by']}/{entry['name']}.tar.zst.age"


def test_the_operators_command_stops_as_well(switched: None) -> None:
    """Its own checks find a missing key first; nothing is removed either way."""
    before = aside()
    rig.sql(SPOIL_BY_DROPPING)
    applied = rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST)
    rig.sql(MEND_DROPPED)
    assert applied.returncode == 1
    assert aside() == before


def test_an_archive_that_is_damaged_stops_the_removal(switched: None) -> None:
    """For a backup directory the archive is the only other place where its keys are."""
    before = aside()
    (backup,) = rig.sh("ls /var/backups/baileys-rollout/*/baileys_test_auth.tar.zst.age").split()
    flip = f"cp -p {backup} /root/whole && printf X | dd of={backup} bs=1 seek=900 conv=notrunc"
    rig.sh(flip)
    applied = rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST)
    rig.sh(f"cp -p /root/whole {backup}")
    assert applied.returncode == 1
    assert aside() == before


def test_once_it_is_safe_again_the_removal_is_done(switched: None) -> None:
    """A refusal must not need more than mending its cause."""
    applied = rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert aside() == []
