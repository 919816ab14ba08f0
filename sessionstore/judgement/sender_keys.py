"""Whether the database's sender key is a later state of the file's. Pure: no I/O.

A record is a list of states, the newest last, each with a signing key of its own; Baileys keeps five
and drops the oldest. As Signal/Group/sender-key-record.js of Baileys 7.0.0-rc14 does it.
"""

from __future__ import annotations

from typing import NamedTuple

from sessionstore.errors import BadFile
from sessionstore.judgement.evidence import Behind, Finding, member, number
from sessionstore.keys.ratchets import MOST_STEPS, as_whole, real_key, steps_from
from sessionstore.keys.values import Value, parse

_STATES_KEPT = 5


class _State(NamedTuple):
    iteration: int
    seed: Value
    kept: dict[int, Value]
    signing: tuple[Value, Value]


def compare_sender_keys(file: Value, database: Value) -> Finding:
    """Newer only when the states are the same sender's, none went back and something went forward."""
    my_list, their_list = states_in(file), states_in(database)
    mine, theirs = _states(my_list), _states(their_list)
    if mine is None or theirs is None:
        return Finding(False, "not a sender-key record of a form that is known here")
    progress = []
    try:
        _check_dropped(mine, theirs, len(their_list or ()))
        for key_id in mine.keys() & theirs.keys():
            progress.extend(_advanced(mine[key_id], theirs[key_id]))
        for key_id in theirs.keys() - mine.keys():
            if not as_whole(next((one.seed for one in mine.values()), None), theirs[key_id].seed):
                raise Behind("the seed of a state in the database is no key")
            progress.append("a new state was added")
    except Behind as trouble:
        return Finding(False, str(trouble))
    if not progress:
        return Finding(False, "the sender key differs, but nothing in it moved forward")
    return Finding(True, "; ".join(dict.fromkeys(progress)))


def states_in(value: Value) -> list[Value] | None:
    """The states in a sender-key record; None for a form that is not known here."""
    if isinstance(value, bytes):
        try:
            value = parse(value)
        except BadFile:
            return None
    return value if isinstance(value, list) else None


def _check_dropped(mine: dict[int, _State], theirs: dict[int, _State], states: int) -> None:
    common = [key_id for key_id in mine if key_id in theirs]
    if mine and not common:
        raise Behind("no state of the file is left: nothing shows that it is the same sender's")
    if list(mine)[len(mine) - len(common) :] != common or (
        len(common) < len(mine) and states < _STATES_KEPT
    ):
        raise Behind("the database lacks a state that the library would have kept")


def _advanced(mine: _State, theirs: _State) -> list[str]:
    if theirs.signing != mine.signing:
        raise Behind("its signing key is another one in the database")
    if theirs.iteration < mine.iteration:
        raise Behind(f"iteration {mine.iteration} in the file, {theirs.iteration} in the database")
    old = {at: seed for at, seed in theirs.kept.items() if at < mine.iteration}
    if old.keys() - mine.kept.keys():
        raise Behind("the file has used up message keys that the database still holds")
    if any(mine.kept[at] != seed for at, seed in old.items()):
        raise Behind("a kept message key is another one in the database")
    _check_descent(mine, theirs)
    if theirs.iteration > mine.iteration:
        return [f"iteration moved from {mine.iteration} to {theirs.iteration}"]
    return ["kept message keys were used"] if mine.kept.keys() - theirs.kept.keys() else []


def _check_descent(mine: _State, theirs: _State) -> None:
    """The file's seed, stepped on, must give the database's."""
    key = real_key(mine.seed)
    if key is None:
        if not as_whole(mine.seed, theirs.seed):
            raise Behind("its seed in the database is no key")
        return
    steps = theirs.iteration - mine.iteration
    if steps > MOST_STEPS:
        raise Behind("its iteration moved further than a chain does")
    wanted = {at - mine.iteration + 1 for at in theirs.kept if at >= mine.iteration}
    expected, kept = steps_from(key, steps, wanted)
    if real_key(theirs.seed) != expected:
        raise Behind("its seed is not the one that the file's leads to")
    if any(real_key(theirs.kept[mine.iteration + s - 1]) != kept.get(s) for s in wanted):
        raise Behind("a kept message key is not one that the file's seed leads to")


def _states(states: list[Value] | None) -> dict[int, _State] | None:
    if states is None:
        return None
    found: dict[int, _State] = {}
    for state in states:
        chain, key_id = member(state, "senderChainKey"), number(state, "senderKeyId")
        iteration = number(chain, "iteration")
        kept = member(state, "senderMessageKeys")
        if key_id is None or iteration is None or not isinstance(kept, (list, type(None))):
            return None
        keys = {number(item, "iteration"): member(item, "seed") for item in kept or []}
        signing = member(state, "senderSigningKey")
        owner = (member(signing, "public"), member(signing, "private") or b"")
        # The library uses the first state of an id.
        found.setdefault(
            key_id,
            _State(
                iteration,
                member(chain, "seed"),
                {at: seed for at, seed in keys.items() if at is not None},
                owner,
            ),
        )
    return found
