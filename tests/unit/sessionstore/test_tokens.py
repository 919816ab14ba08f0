"""Trusted-contact tokens: what Baileys prunes, and which of two is the later one."""

from __future__ import annotations

from typing import Any

import pytest

from sessionstore.judgement.evidence import compare_tokens, expired

WEEK = 7 * 24 * 3600
#: In the middle of the tenth week: it and the three before it are kept.
NOW = 10 * WEEK + WEEK / 2
KEPT, PRUNED = 7 * WEEK, 7 * WEEK - 1


@pytest.mark.parametrize(
    ("token", "gone"),
    [
        ({"timestamp": PRUNED}, True),
        ({"timestamp": KEPT}, False),
        ({"timestamp": str(PRUNED)}, True),
        ({"timestamp": PRUNED, "senderTimestamp": KEPT}, False),
        ({"timestamp": KEPT, "senderTimestamp": PRUNED}, False),
        ({"timestamp": "soon"}, False),
        ({"timestamp": True}, False),
        ({}, False),
        ([PRUNED], False),
        (b"", False),
    ],
)
def test_what_baileys_prunes(token: Any, gone: bool) -> None:
    """A day too early, and a token that Baileys still sends counts as rightly absent."""
    assert expired(token, NOW) == gone


@pytest.mark.parametrize(
    ("file", "database", "newer"),
    [
        ((8, 8), (9, 8), True),
        ((8, 8), (8, 9), True),
        ((8, None), (8, 9), True),
        ((8, 8), (9, 7), False),
        ((8, 8), (7, 9), False),
        ((8, 8), (9, None), False),
        ((8, 8), (8, 8), False),
    ],
)
def test_no_time_may_go_back(
    file: tuple[int, int | None], database: tuple[int, int | None], newer: bool
) -> None:
    """One that went on does not make up for one that went back."""
    tokens: list[Any] = [
        {"token": data, "timestamp": one[0], **({"senderTimestamp": one[1]} if one[1] else {})}
        for data, one in ((b"a", file), (b"b", database))
    ]
    assert compare_tokens(tokens[0], tokens[1], NOW).shown == newer


def test_a_form_that_is_not_known_is_never_newer() -> None:
    """What a later Baileys writes is not judged by the rules of an earlier one."""
    known: dict[str, Any] = {"token": b"t", "timestamp": 9}
    unknown: list[tuple[Any, Any]] = [(b"t", known), (known, b"t"), (["t"], ["u"])]
    for file, database in unknown:
        assert not compare_tokens(file, database, NOW).shown
