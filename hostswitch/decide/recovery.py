"""What an open journal asks for. Pure (docs/switch.md, last column of its table)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from hostswitch.record import journal
from hostswitch.record.journal import Entry, find


class Action(Enum):
    NOTHING = "nothing"
    FORGET = "forget"
    PUT_BACK = "put back"
    ASK_DATABASE = "ask the database"
    START_NEW = "start the new version"
    GATE = "gate again"
    FINISH = "finish closing"


@dataclass(frozen=True)
class Recovery:
    """The decision, with the row of the table that was reached and the reason for people."""

    action: Action
    row: str
    why: str


_REASONS = {
    Action.NOTHING: "no switch is open",
    Action.FORGET: "the service was never stopped",
    Action.PUT_BACK: "the switch ended before the import was active: the old version is the truth",
    Action.ASK_DATABASE: "whether the import was activated stands in the database",
    Action.START_NEW: "the import is active: there is no way back to files",
    Action.GATE: "the new version was started",
    Action.FINISH: "the switch had ended and was being closed",
}

_PUT_BACK_ROWS = (journal.STOPPED, journal.SET_ASIDE, journal.IMPORTED, journal.SWAPPED)


def decide(entries: Sequence[Entry]) -> Recovery:
    """What the lines of a journal ask for; ASK_DATABASE is to be settled by `settle`."""
    row = reached(entries)
    return _decision(_action(entries, row), row)


def settle(recovery: Recovery, states: Collection[str]) -> Recovery:
    """Decide ASK_DATABASE by the states of the switch's imports: "staged", "active", "withdrawn".

    Forward if any is active (activation is the point of no return; the others were proven before it),
    else back.
    """
    forward = "active" in states
    return _decision(Action.START_NEW if forward else Action.PUT_BACK, recovery.row)


def reached(entries: Sequence[Entry]) -> str:
    rows = [e.step for e in entries if e.mark == "intent" and e.step in journal.STEPS]
    return rows[-1] if rows else ""


def _action(entries: Sequence[Entry], row: str) -> Action:
    if not entries:
        return Action.NOTHING
    if find(entries, journal.CLOSED, "done"):
        return Action.FINISH
    if row in _PUT_BACK_ROWS or find(entries, journal.UNDONE, "intent"):
        return Action.PUT_BACK
    if row == journal.ACTIVE:
        done = find(entries, journal.ACTIVE, "done")
        return Action.START_NEW if done else Action.ASK_DATABASE
    if row == journal.HEALTHY:
        return Action.GATE if find(entries, journal.HEALTHY, "start") else Action.START_NEW
    return Action.FORGET


def _decision(action: Action, row: str) -> Recovery:
    return Recovery(action, row, _REASONS[action])
