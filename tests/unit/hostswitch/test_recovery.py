"""What an open journal asks for: each row of the table in docs/switch.md, before and after its act."""

from __future__ import annotations

import pytest

from hostswitch.base import clock
from hostswitch.decide.recovery import Action, decide, reached, settle
from hostswitch.record.journal import STEPS, Entry
from tests.instants import INSTANTS

WITHOUT_CUT_OVER = (
    "intent:imported",
    "staged:imported",
    "done:imported",
    "intent:active",
    "done:active",
)
UNDOING = [instant for instant in INSTANTS if instant.endswith(":put-back")]
FORWARD = [instant for instant in INSTANTS if instant not in (*UNDOING, "done:closed")]


def lines(*instants: str) -> list[Entry]:
    """A journal with these lines."""
    moment = clock.Moment(0.0, 0.0, "boot")
    marks = [instant.split(":") for instant in ("done:open", *instants)]
    return [Entry(step, mark, moment) for mark, step in marks]


def until(instant: str, skip: tuple[str, ...] = ()) -> list[Entry]:
    """The journal of an undisturbed switch that ended right after a line."""
    before = FORWARD[: FORWARD.index(instant) + 1]
    return lines(*(one for one in before if one not in skip))


@pytest.mark.parametrize(
    ("instant", "action"),
    [
        ("intent:ready", Action.FORGET),
        ("copied:ready", Action.FORGET),
        ("done:ready", Action.FORGET),
        ("intent:stopped", Action.PUT_BACK),
        ("stop:stopped", Action.PUT_BACK),
        ("done:stopped", Action.PUT_BACK),
        ("intent:set-aside", Action.PUT_BACK),
        ("rename:set-aside", Action.PUT_BACK),
        ("done:set-aside", Action.PUT_BACK),
        ("intent:imported", Action.PUT_BACK),
        ("staged:imported", Action.PUT_BACK),
        ("done:imported", Action.PUT_BACK),
        ("intent:swapped", Action.PUT_BACK),
        ("current:swapped", Action.PUT_BACK),
        ("done:swapped", Action.PUT_BACK),
        ("intent:active", Action.ASK_DATABASE),
        ("done:active", Action.START_NEW),
        ("intent:healthy", Action.START_NEW),
        ("start:healthy", Action.GATE),
        ("gate:healthy", Action.GATE),
        ("done:healthy", Action.GATE),
    ],
)
def test_each_line_of_a_cut_over_has_one_way_out(instant: str, action: Action) -> None:
    """A wrong row here starts a version that reads files on keys that moved, or loses an import."""
    assert decide(until(instant)).action is action
    assert instant in FORWARD


def test_every_instant_is_decided() -> None:
    """An instant that is added without a decision would leave the service down after a crash."""
    for instant in FORWARD:
        assert decide(until(instant)).action is not Action.NOTHING


@pytest.mark.parametrize("instant", [i for i in FORWARD if i not in WITHOUT_CUT_OVER])
def test_without_a_cut_over_nothing_asks_the_database(instant: str) -> None:
    """A flags-only switch must be recoverable while the database is away."""
    action = decide(until(instant, WITHOUT_CUT_OVER)).action
    assert action not in (Action.ASK_DATABASE, Action.NOTHING)


@pytest.mark.parametrize("instant", UNDOING)
def test_a_put_back_goes_on_as_a_put_back(instant: str) -> None:
    """Half undone, going forward again would start the new version on half of its state."""
    begun = UNDOING[: UNDOING.index(instant) + 1]
    for row in ("done:stopped", "start:healthy"):
        assert decide([*until(row), *lines(*begun)[1:]]).action is Action.PUT_BACK


def test_a_closed_journal_is_only_finished() -> None:
    """Acting again on a switch that has ended would restart a healthy service."""
    closed = lines("done:closed")[1:]
    assert decide([*until("done:healthy"), *closed]).action is Action.FINISH
    undone = [*until("done:stopped"), *lines(*UNDOING)[1:], *closed]
    assert decide(undone).action is Action.FINISH


@pytest.mark.parametrize(
    ("states", "action"),
    [
        ([], Action.PUT_BACK),
        (["staged"], Action.PUT_BACK),
        (["staged", "staged"], Action.PUT_BACK),
        (["active"], Action.START_NEW),
        (["active", "staged"], Action.START_NEW),
        (["withdrawn"], Action.PUT_BACK),
    ],
)
def test_the_database_tells_whether_an_activation_was_committed(
    states: list[str], action: Action
) -> None:
    """One activated company is enough: its keys may move from then on."""
    assert settle(decide(until("intent:active")), states).action is action


def test_nothing_open_and_rows() -> None:
    """The row that people are told is the last one begun."""
    assert decide([]).action is Action.NOTHING
    assert reached([]) == ""
    for step in STEPS:
        assert reached(until(f"intent:{step}")) == step
