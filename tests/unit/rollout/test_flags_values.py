"""Environments are compared by what their hosts get, not by how a table shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rollout.environment.environment import SERVICE, Environment, Host
from rollout.flags.values import Column, column_of, differing
from rollout.secret import Secret


def column(*flags: dict[str, Any]) -> Column:
    """An environment whose hosts declare these."""
    hosts = [Host(f"wa-{at}", (SERVICE,), {"flags": one}) for at, one in enumerate(flags)]
    return column_of(Environment("trial", tuple(hosts)))


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ({"MESSAGE_ECHO": False}, {}, False),
        ({"MESSAGE_ECHO": False}, {"MESSAGE_ECHO": "false"}, False),
        ({"MESSAGE_ECHO": True}, {"MESSAGE_ECHO": "true"}, False),
        ({"OWN": "(a)"}, {"OWN": "a"}, True),
        ({"OWN": "unset"}, {}, True),
        ({"OWN": "-"}, {}, True),
        ({"OWN": 1}, {"OWN": "1"}, True),
        ({"OWN": Secret("one")}, {"OWN": Secret("two")}, True),
        ({"OWN": Secret("one")}, {"OWN": "********"}, True),
        ({"OWN": Secret("one")}, {"OWN": Secret("one")}, False),
        ({"OWN": "x" * 90 + "1"}, {"OWN": "x" * 90 + "2"}, True),
    ],
)
def test_values_are_compared(one: dict[str, Any], other: dict[str, Any], differ: bool) -> None:
    """Two secrets are shown alike, a default with brackets; neither is a reason."""
    assert bool(differing([column(one), column(other)])) is differ


def test_a_host_that_differs_counts_and_no_secret_is_shown() -> None:
    """Whatever the hosts are called."""
    odd = [{"OWN": Secret("one")}, {"OWN": Secret("one")}, {"OWN": Secret("two")}]
    assert differing([column(*odd), column(*odd[:1])]) == ["OWN"]
    assert "two" not in json.dumps(column(*odd).to_json()) + repr(column(*odd).effective)
