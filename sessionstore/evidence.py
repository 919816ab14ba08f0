"""Evidence in the values themselves that the database's copy of a key is the newer one.

A ratchet only moves forward, and its position stands in the value: chain counters and the
time of last use in a session, iterations in a sender key, a version number in the app
state. Where the position of the database's copy is not ahead, it is not newer, whatever
any timestamp says. Pure: no I/O. Formats as libsignal 6 and Baileys 6 and 7 write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sessionstore.values import Value, ValueProblem, parse


class Finding(NamedTuple):
    """What comparing two values gave.

    Attributes:
        newer: whether the database's value is proven to be the newer one.
        reason: the evidence in words.
    """

    newer: bool
    reason: str


class _Behind(Exception):
    """The database is behind, or the two can't be ordered."""


def compare_sessions(file: Value, database: Value) -> Finding:
    """Order two session records.

    Args:
        file: the file's value.
        database: the row's value.

    Returns:
        Newer only when no counter went down and at least one went up.
    """
    mine, theirs = _sessions(file), _sessions(database)
    if mine is None or theirs is None:
        return Finding(False, "not a session record of a form that is known here")
    progress: list[str] = []
    try:
        for base, session in mine.items():
            if base in theirs:
                progress.extend(_advanced(session, theirs[base]))
            else:
                progress.append(_superseded(session, theirs))
    except (_Behind, KeyError, TypeError, AttributeError) as trouble:
        reason = str(trouble) if isinstance(trouble, _Behind) else "a field is missing"
        return Finding(False, f"sessions can't be ordered: {reason}")
    if theirs.keys() - mine.keys():
        progress.append("a further session was opened")
    if not progress:
        return Finding(False, "the session differs, but nothing in it moved forward")
    return Finding(True, "; ".join(dict.fromkeys(progress)))


def _sessions(value: Value) -> dict[str, dict[str, Value]] | None:
    sessions = value.get("_sessions") if isinstance(value, dict) else None
    if not isinstance(sessions, dict):
        return None
    found = {key: entry for key, entry in sessions.items() if isinstance(entry, dict)}
    return found if len(found) == len(sessions) else None


def _superseded(session: dict[str, Value], theirs: dict[str, dict[str, Value]]) -> str:
    """A session that the database lacks must have been replaced by a later one."""
    last = _time(session, "used")
    if any(_time(other, "created") > last for other in theirs.values()):
        return "a later session took the place of one"
    raise _Behind("the database lacks a session, and none there is later")


def _time(session: dict[str, Value], name: str) -> int:
    index = session["indexInfo"]
    value = index.get(name) if isinstance(index, dict) else None
    if not isinstance(value, int):
        raise _Behind("a session has no time of use")
    return value


def _advanced(mine: dict[str, Value], theirs: dict[str, Value]) -> list[str]:
    my_chains, their_chains = _chains(mine), _chains(theirs)
    used, later = _time(mine, "used"), _time(theirs, "used")
    if later < used:
        raise _Behind("the file's session was used later than the database's")
    progress = []
    for name in my_chains.keys() & their_chains.keys():
        progress.extend(_chain_advanced(my_chains[name], their_chains[name]))
    if my_chains.keys() != their_chains.keys():
        # Both sides of a ratchet step look alike; which came first is told by the time of
        # use, which libsignal sets whenever it receives.
        if later <= used:
            raise _Behind("the chains differ and the times of use do not tell which is later")
        progress.append("the ratchet stepped on")
    if later > used:
        progress.append("the session was used later")
    if mine.get("pendingPreKey") is not None and theirs.get("pendingPreKey") is None:
        progress.append("the session was confirmed")
    elif mine.get("pendingPreKey") is None and theirs.get("pendingPreKey") is not None:
        raise _Behind("the file's session is confirmed, the database's is not yet")
    return progress


def _chains(session: dict[str, Value]) -> dict[str, dict[str, Value]]:
    chains = session["_chains"]
    if not isinstance(chains, dict) or not all(isinstance(c, dict) for c in chains.values()):
        raise _Behind("chains of an unknown form")
    return chains  # type: ignore[return-value]


def _chain_advanced(mine: dict[str, Value], theirs: dict[str, Value]) -> list[str]:
    before, after = _counter(mine), _counter(theirs)
    if after < before:
        raise _Behind(f"a chain stands at {before} in the file, at {after} in the database")
    my_keys, their_keys = _message_keys(mine), _message_keys(theirs)
    if {number for number in their_keys if number <= before} - my_keys:
        raise _Behind("the file has used up message keys that the database still holds")
    if after > before:
        return [f"a chain moved from {before} to {after}"]
    return ["kept message keys were used"] if my_keys - their_keys else []


def _counter(chain: dict[str, Value]) -> int:
    key = chain["chainKey"]
    counter = key.get("counter") if isinstance(key, dict) else None
    if not isinstance(counter, int):
        raise _Behind("a chain has no counter")
    return counter


def _message_keys(chain: dict[str, Value]) -> set[int]:
    keys = chain.get("messageKeys")
    return {int(number) for number in keys} if isinstance(keys, dict) else set()


def compare_sender_keys(file: Value, database: Value) -> Finding:
    """Order two sender-key records, each a list or a Buffer of its JSON text.

    Args:
        file: the file's value.
        database: the row's value.

    Returns:
        Newer only when no iteration went down and something went up.
    """
    mine, theirs = _states(file), _states(database)
    if mine is None or theirs is None:
        return Finding(False, "not a sender-key record of a form that is known here")
    progress = []
    try:
        for key_id, state in mine.items():
            progress.extend(_state_advanced(state, theirs.get(key_id)))
        added = theirs.keys() - mine.keys()
        if mine.keys() - theirs.keys() and not _may_have_dropped(database, len(theirs)):
            raise _Behind("the database lacks a state that the library would have kept")
    except _Behind as trouble:
        return Finding(False, str(trouble))
    if added:
        progress.append("a new state was added")
    if not progress:
        return Finding(False, "the sender key differs, but nothing in it moved forward")
    return Finding(True, "; ".join(dict.fromkeys(progress)))


_STATES_KEPT = 5


def _may_have_dropped(database: Value, states: int) -> bool:
    """Whether libsignal drops states to get to such a record.

    It drops the oldest beyond five, and all of them when it makes a new sender key of its own,
    which is the one with a private signing key.
    """
    if states >= _STATES_KEPT:
        return True
    value = parse(database) if isinstance(database, bytes) else database
    own = [_member(_member(one, "senderSigningKey"), "private") for one in _items(value)]
    return states == 1 and bool(own and own[0])


def _items(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


class _State(NamedTuple):
    """How far one sender-key state has come."""

    iteration: int
    kept: frozenset[int]


def _state_advanced(mine: _State, theirs: _State | None) -> list[str]:
    if theirs is None:
        return []
    if theirs.iteration < mine.iteration:
        raise _Behind(f"iteration {mine.iteration} in the file, {theirs.iteration} in the database")
    if {number for number in theirs.kept if number < mine.iteration} - mine.kept:
        raise _Behind("the file has used up message keys that the database still holds")
    if theirs.iteration > mine.iteration:
        return [f"iteration moved from {mine.iteration} to {theirs.iteration}"]
    return ["kept message keys were used"] if mine.kept - theirs.kept else []


def _states(value: Value) -> dict[int, _State] | None:
    if isinstance(value, bytes):
        try:
            value = parse(value)
        except ValueProblem:
            return None
    if not isinstance(value, list):
        return None
    found: dict[int, _State] = {}
    for state in value:
        key_id = _number(state, "senderKeyId")
        iteration = _number(_member(state, "senderChainKey"), "iteration")
        kept = _member(state, "senderMessageKeys")
        if key_id is None or iteration is None or not isinstance(kept, (list, type(None))):
            return None
        numbers = {_number(item, "iteration") for item in kept or []}
        kept_keys = frozenset(number for number in numbers if number is not None)
        # The library uses the first state of an id.
        found.setdefault(key_id, _State(iteration, kept_keys))
    return found


def compare_versions(file: Value, database: Value) -> Finding:
    """Order two app-state-sync-version values.

    Args:
        file: the file's value.
        database: the row's value.

    Returns:
        Newer only when the version number is higher.
    """
    mine, theirs = _number(file, "version"), _number(database, "version")
    if mine is None or theirs is None:
        return Finding(False, "no version number")
    return Finding(theirs > mine, f"version {mine} in the file, {theirs} in the database")


def _member(value: Value, name: str) -> Value:
    return value.get(name) if isinstance(value, Mapping) else None


def _number(value: Value, name: str) -> int | None:
    number = _member(value, name)
    return number if type(number) is int else None
