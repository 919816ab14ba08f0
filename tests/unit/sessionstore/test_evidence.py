"""Evidence by type that the database's copy is newer: one row a rule."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from sessionstore.judgement.evidence import compare_versions
from sessionstore.judgement.sender_keys import compare_sender_keys
from sessionstore.judgement.sessions import compare_sessions


def session(**changes: Any) -> dict[str, Any]:
    """A session record with a sending and a receiving chain; changes by path."""
    entry: dict[str, Any] = {
        "registrationId": 12,
        "currentRatchet": {"previousCounter": 0},
        "indexInfo": {"baseKey": "B", "closed": -1, "used": 1000, "created": 900},
        "_chains": {
            "S": {"chainKey": {"counter": 4, "key": "k"}, "chainType": 1, "messageKeys": {}},
            "R": {
                "chainKey": {"counter": 7, "key": "k"},
                "chainType": 2,
                "messageKeys": {"5": "m"},
            },
        },
    }
    record = {"_sessions": {"B": entry}, "version": "v1"}
    for path, value in changes.items():
        part: Any = entry
        *steps, last = path.split("__")
        for step in steps:
            part = part[{"chains": "_chains"}.get(step, step)]
        if value is None:
            part.pop(last, None)
        else:
            part[last] = value
    return record


CHAIN = {"chainKey": {"counter": 0, "key": "n"}, "chainType": 2, "messageKeys": {}}


def with_sessions(**entries: dict[str, Any]) -> dict[str, Any]:
    """A record of several sessions."""
    return {"_sessions": {name: one["_sessions"]["B"] for name, one in entries.items()}}


OLD, LATER = session(), session(indexInfo__used=2000)
CLOSED = session(indexInfo__closed=1500)
PENDING = {"baseKey": "B", "signedKeyId": 7}
OPENED = session(pendingPreKey={"a": 1})
CREATED_LATER = session(indexInfo__created=3000, indexInfo__used=3000)
SESSIONS = [
    ("sent", OLD, session(chains__S__chainKey__counter=5), True, "from 4 to 5"),
    (
        "received",
        OLD,
        session(chains__R__chainKey__counter=9, indexInfo__used=2000),
        True,
        "7 to 9",
    ),
    ("kept message key used", OLD, session(chains__R__messageKeys={}), True, "kept message keys"),
    ("used later", OLD, LATER, True, "used later"),
    (
        "ratchet step",
        OLD,
        session(chains__S=None, chains__N=CHAIN, indexInfo__used=2000),
        True,
        "ratchet stepped",
    ),
    ("second session", with_sessions(B=OLD), with_sessions(B=OLD, C=OLD), True, "further session"),
    (
        "replaced",
        with_sessions(B=OLD),
        with_sessions(C=CREATED_LATER),
        True,
        "took the place",
    ),
    ("confirmed", session(pendingPreKey=PENDING), LATER, True, "confirmed"),
    ("confirmed by nothing", session(pendingPreKey=PENDING), OLD, False, "received nothing"),
    ("file sent more", session(chains__S__chainKey__counter=5), OLD, False, "stands at 5"),
    ("file received more", session(chains__R__chainKey__counter=8), OLD, False, "stands at 8"),
    ("file used later", LATER, OLD, False, "used later than the database's"),
    ("file used a message key", session(chains__R__messageKeys={}), OLD, False, "used up"),
    (
        "file used the last key that its chain made",
        session(chains__R__messageKeys={}),
        session(chains__R__chainKey__counter=9, chains__R__messageKeys={"7": "m"}),
        False,
        "used up",
    ),
    (
        "key made since is kept",
        session(chains__R__messageKeys={}),
        session(chains__R__chainKey__counter=9, chains__R__messageKeys={"8": "m"}),
        True,
        "7 to 9",
    ),
    ("chain without a counter", OLD, session(chains__S__chainKey={"key": "k"}), False, "counter"),
    ("chains are a list", OLD, session(_chains=[]), False, "unknown form"),
    ("a chain is a number", OLD, session(chains__S=4), False, "unknown form"),
    ("file is confirmed", OLD, session(pendingPreKey=PENDING), False, "is confirmed"),
    ("pending for another", session(pendingPreKey=PENDING),
     session(pendingPreKey={**PENDING, "signedKeyId": 8}, indexInfo__used=2000), False, "not so"),
    ("pending of nothing", OLD, {**OLD, "_sessions": {**OLD["_sessions"], "C": OPENED["_sessions"]["B"]}},
     False, "the pending pre-key"),
    ("none is open", OLD, session(indexInfo__closed=2000, indexInfo__used=2000), False, "is open"),
    ("none says whether", OLD, with_sessions(B=LATER, C=session(indexInfo__closed="-1")), False,
     "neither open nor closed"),
    ("opened again", with_sessions(B=CLOSED, C=OLD), with_sessions(B=LATER, C=CLOSED), False,
     "was opened"),
    ("a side that is none", OLD, session(chains__N={**CHAIN, "chainType": 3}, indexInfo__used=2000),
     False, "a side"),
    ("the other side", OLD, session(chains__R__chainType=1, indexInfo__used=2000), False,
     "the other direction"),
    ("kept keys are gone", OLD, session(chains__R__messageKeys=[], indexInfo__used=2000), False,
     "kept message keys of a chain are none"),
    ("a kept key of no number", OLD, session(chains__R__messageKeys={"x": "m"}), False, "kind"),
    ("a version of none", OLD, {**LATER, "version": None}, False, "a version"),
    (
        "ratchet step, no time",
        OLD,
        session(chains__S=None, chains__N=CHAIN),
        False,
        "do not tell",
    ),
    (
        "one chain forward, one back",
        OLD,
        session(chains__S__chainKey__counter=9, chains__R__chainKey__counter=6),
        False,
        "stands at 7",
    ),
    ("session lost", with_sessions(B=OLD, C=OLD), with_sessions(B=LATER), False, "one of several"),
    ("another field", OLD, session(registrationId=9), False, "registrationId differs"),
    ("nothing but a name", OLD, {**OLD, "name": "v2"}, False, "nothing in it moved"),
    ("not a session", {"a": 1}, OLD, False, "form"),
    ("no session any more", OLD, {"_sessions": {}}, False, "lacks a session"),
    ("no chains", OLD, {"_sessions": {"B": {"indexInfo": {"used": 5000}}}}, False, "no key"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "database", "newer", "word"), [s[1:] for s in SESSIONS], ids=[s[0] for s in SESSIONS]
)
def test_sessions(file: Any, database: Any, newer: bool, word: str) -> None:
    """A session that goes back loses messages; only its own counters tell."""
    finding = compare_sessions(copy.deepcopy(file), copy.deepcopy(database))
    assert (finding.shown, word in finding.reason) == (newer, True), finding.reason


@pytest.mark.parametrize(
    ("file", "database"),
    [row[1:3] for row in SESSIONS if row[3]],
    ids=[row[0] for row in SESSIONS if row[3]],
)
def test_what_is_newer_one_way_is_not_newer_the_other(file: Any, database: Any) -> None:
    """An order that holds in both directions would be none."""
    assert not compare_sessions(database, file).shown


def state(key_id: int = 1, iteration: int = 5, kept: tuple[int, ...] = ()) -> dict[str, Any]:
    """One sender-key state."""
    return {
        "senderKeyId": key_id,
        "senderChainKey": {"iteration": iteration, "seed": b"s"},
        "senderSigningKey": {},
        "senderMessageKeys": [{"iteration": number, "seed": b"k"} for number in kept],
    }


OWN = {"senderSigningKey": {"public": b"p", "private": b"s"}}


def as_buffer(*states: dict[str, Any]) -> bytes:
    """The form of Baileys 6.7.19 and later."""

    def default(value: bytes) -> object:
        return {"type": "Buffer", "data": base64.b64encode(value).decode()}

    return json.dumps(list(states), default=default).encode()


SENDER_KEYS = [
    ("iteration", [state()], [state(iteration=6)], True, "from 5 to 6"),
    ("both forms", [state()], as_buffer(state(iteration=6)), True, "from 5 to 6"),
    ("buffers", as_buffer(state()), as_buffer(state(iteration=6)), True, "from 5 to 6"),
    ("kept key used", [state(kept=(3,))], [state()], True, "kept message keys"),
    ("new state", [state()], [state(), state(2)], True, "new state"),
    ("own key made anew", [state()], [{**state(2), **OWN}], False, "same sender's"),
    ("another's", [state()], [state(2)], False, "same sender's"),
    ("five others", [state()], [state(n) for n in (2, 3, 4, 5, 6)], False, "same sender's"),
    (
        "oldest of six dropped",
        [state(), state(2)],
        [state(n) for n in (2, 3, 4, 5, 6)],
        True,
        "new state",
    ),
    (
        "newest of two dropped",
        [state(), state(2)],
        [state(n) for n in (1, 3, 4, 5, 6)],
        False,
        "would have kept",
    ),
    ("another signing key", [state()], [{**state(iteration=6), **OWN}], False, "signing key"),
    ("first of one id counts", [state()], [state(iteration=3), state(iteration=9)], False, "3"),
    ("file ahead", [state(iteration=6)], [state()], False, "iteration 6"),
    ("file used a kept key", [state()], [state(kept=(3,))], False, "used up"),
    ("key made since is kept", [state()], [state(1, 7, (5,))], True, "from 5 to 7"),
    ("state lost", [state(), state(2)], [state(iteration=9)], False, "lacks a state"),
    ("same, other form", [state()], as_buffer(state()), False, "nothing in it moved"),
    ("one on, one back", [state(), state(2)], [state(1, 9), state(2, 4)], False, "iteration 5"),
    ("not a record", {"a": 1}, [state()], False, "form"),
    ("not JSON", b"\xff", [state()], False, "form"),
    ("broken state", [{"senderKeyId": 1}], [state()], False, "form"),
]


@pytest.mark.parametrize(
    ("file", "database", "newer", "word"),
    [row[1:] for row in SENDER_KEYS],
    ids=[row[0] for row in SENDER_KEYS],
)
def test_sender_keys(file: Any, database: Any, newer: bool, word: str) -> None:
    """A sender key that goes back makes a whole group unreadable."""
    finding = compare_sender_keys(file, database)
    assert (finding.shown, word in finding.reason) == (newer, True), finding.reason


@pytest.mark.parametrize(
    ("file", "database", "newer"),
    [
        ({"version": 4}, {"version": 5}, True),
        ({"version": 5}, {"version": 4}, False),
        ({"version": 4, "hash": b"a"}, {"version": 4, "hash": b"b"}, False),
        ({}, {"version": 4}, False),
        ({"version": 4}, {}, False),
        ({"version": True}, {"version": 4}, False),
        ([], {"version": 4}, False),
    ],
)
def test_versions(file: Any, database: Any, newer: bool) -> None:
    """Only the number counts."""
    assert compare_versions(file, database).shown == newer
