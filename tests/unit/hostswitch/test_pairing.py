"""Who may start without credentials: a server on which nothing ever ran, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hostswitch.decide import gate, pairing
from hostswitch.decide.changes import decide
from hostswitch.decide.gate import Company, Expectation
from hostswitch.decide.seen import InDatabase, LegacySeen, Seen
from hostswitch.description.claims import Signalled
from sessionstore.judgement.activity import DATABASE

from ..kinds import description
from .seen import BACKUP, LIVE, NEXT, PLAN

SIGNALS = description("lab").signals
EMPTY = {"962302": InDatabase(False, 0)}
BARE = Seen(
    current=None,
    running=False,
    directory=None,
    environment={},
    env_live=None,
    env_next=NEXT,
    env_same=False,
    legacy=(LegacySeen(LIVE, False), LegacySeen(BACKUP, False)),
    database=EMPTY,
    unused=True,
)


def test_a_bare_server_waits_for_its_first_pairing() -> None:
    """Refusing here would mean that no new server can ever be set up."""
    decision = decide(PLAN, BARE)
    assert not decision.refusals
    assert decision.waiting == {"962302"}
    assert any("first pairing" in change.what for change in decision.changes)


def test_the_plan_of_a_bare_server_foresees_the_env() -> None:
    """Before staging there is neither an .env nor the next one, and no refusal may come of that."""
    decision = decide(PLAN, replace(BARE, env_next=None))
    assert not decision.refusals and any("release" in change.kind for change in decision.changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"unused": False},
        {"database": {"962302": InDatabase(False, 7)}},
        {"database": {"962302": InDatabase(False, 0, staged_import="i")}},
        {"database": {"962302": InDatabase(False, 0, active_import="i")}},
    ],
)
def test_any_trace_of_a_session_forbids_a_new_identity(changes: dict[str, Any]) -> None:
    """Started without its credentials, the service would make new ones: a lost customer."""
    decision = decide(PLAN, replace(BARE, **changes))
    assert decision.refusals and not decision.waiting


def test_files_are_imported_and_not_waited_for() -> None:
    seen = replace(BARE, legacy=(LegacySeen(LIVE, True, {"962302": 3}),))
    decision = decide(PLAN, seen)
    assert decision.cut_over == {"962302": LIVE.path} and not decision.waiting


def test_a_server_that_waits_may_be_rolled_out_to_and_says_nothing_without_changes() -> None:
    """It is no longer unused, but its record says that there never was a session."""
    waiting = replace(
        BARE,
        unused=False,
        awaited=frozenset({"962302"}),
        current=PLAN.release,
        running=True,
        directory=PLAN.release,
        env_live=NEXT,
        env_same=True,
    )
    decision = decide(PLAN, waiting)
    assert not decision.refusals and not decision.changes
    paired = replace(waiting, database={"962302": InDatabase(True, 5)})
    assert not decide(PLAN, paired).waiting


def test_only_the_last_finished_switch_says_who_waits() -> None:
    """A company that was paired once and lost its rows must never count as new."""
    waits = {"event": "switch", "outcome": "switched", "awaiting_pairing": ["1"]}
    put_back = {"event": "switch", "outcome": "put back"}
    later = {"event": "switch", "outcome": "switched", "awaiting_pairing": []}
    assert pairing.left_waiting([]) == frozenset()
    assert pairing.left_waiting([waits, put_back]) == {"1"}
    assert pairing.left_waiting([waits, later]) == frozenset()
    assert pairing.left_waiting([{"event": "switch", "outcome": "switched"}]) == frozenset()


def test_a_pairing_on_record_ends_the_waiting_whatever_follows() -> None:
    """A switch that was put back later must not bring the old record of waiting back."""
    waits = {"event": "switch", "outcome": "switched", "awaiting_pairing": ["1", "2"]}
    paired = {"event": "paired", "companies": ["1"]}
    put_back = {"event": "switch", "outcome": "put back", "awaiting_pairing": ["1", "2"]}
    assert pairing.left_waiting([waits, paired, put_back]) == {"2"}


def test_a_company_that_waits_is_not_expected_to_be_connected() -> None:
    """Without credentials there is nothing to connect as."""
    status = {"companies": {"1": {"provider": "postgres", "credentials": False, "keys": 0}}}
    waiting = Expectation({"1": Company(DATABASE, False, 0)}, connected=True)
    assert gate.problems(SIGNALS, Signalled(status), waiting) == []
    assert gate.problems(
        SIGNALS, Signalled(status), replace(waiting, companies={"1": Company(DATABASE, True, 0)})
    )
