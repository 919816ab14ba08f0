"""Whether the database's session record is a later state of the file's. Pure: no I/O.

One record holds a contact's sessions by their base key. libsignal changes a session by stepping its
chains, never deletes a receiving chain, and keeps every session until there are more than 40; Baileys
deletes whole records (docs/session-data.md). As libsignal 6.0.0 does it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sessionstore.judgement.evidence import Behind, Finding, member, number
from sessionstore.keys.ratchets import MOST_STEPS, as_whole, octets, real_key, steps_from
from sessionstore.keys.values import Value

_SENDING, _RECEIVING = 1, 2
_THEIRS = 2
_SESSIONS_KEPT = 40
_OWNER = ("remoteIdentityKey", "baseKey", "baseKeyType", "created")
_SECRETS = (
    ("currentRatchet", "rootKey"),
    ("currentRatchet", "lastRemoteEphemeralKey"),
    ("currentRatchet", "ephemeralKeyPair", "pubKey"),
    ("currentRatchet", "ephemeralKeyPair", "privKey"),
    ("indexInfo", "baseKey"),
    ("indexInfo", "remoteIdentityKey"),
)

_Session = dict[str, Value]


def compare_sessions(file: Value, database: Value, identities: Collection[bytes] = ()) -> Finding:
    """Newer only when it is the same contact's, no chain went back and something went forward.

    The contact rightly has ``identities`` now, besides those in the file's record.
    """
    mine, theirs = _sessions(file), _sessions(database)
    if mine is None or theirs is None:
        return Finding(False, "not a session record of a form that is known here")
    try:
        progress = list(_progress(mine, theirs, identities))
        _check_usable(member(file, "version"), database, mine, theirs)
    except (KeyError, TypeError, AttributeError, ValueError):
        return Finding(False, "sessions can't be ordered: a field is missing, or none of its kind")
    except Behind as trouble:
        return Finding(False, f"sessions can't be ordered: {trouble}")
    if not progress:
        return Finding(False, "the session differs, but nothing in it moved forward")
    return Finding(True, "; ".join(dict.fromkeys(progress)))


def opened_by_contact(session: Value) -> set[str]:
    """Base keys of the sessions that the contact began: each may have used up a pre-key."""
    found = _sessions(session) or {}
    return {
        base
        for base, one in found.items()
        if number(member(one, "indexInfo"), "baseKeyType") == _THEIRS
    }


def base_keys(session: Value) -> set[str]:
    return set(_sessions(session) or ())


def _sessions(value: Value) -> dict[str, _Session] | None:
    sessions = value.get("_sessions") if isinstance(value, dict) else None
    if not isinstance(sessions, dict):
        return None
    found = {key: entry for key, entry in sessions.items() if isinstance(entry, dict)}
    return found if len(found) == len(sessions) else None


def _progress(
    mine: dict[str, _Session], theirs: dict[str, _Session], identities: Collection[bytes]
) -> Iterator[str]:
    kept, lost = mine.keys() & theirs.keys(), mine.keys() - theirs.keys()
    new = {base: one for base, one in theirs.items() if base not in mine}
    if kept and lost and len(theirs) < _SESSIONS_KEPT:
        raise Behind("the database lacks one of several sessions")
    for base, one in theirs.items():
        _check_whole(mine[base] if base in mine else next(iter(mine.values()), {}), one)
    for base in kept:
        yield from _advanced(mine[base], theirs[base])
    if lost:
        last = max(mine.values(), key=lambda one: (_is_open(one), _time(one, "used")))
        owners = {_identity(last), *identities}
        yield from (_superseded(mine[base], new, owners) for base in lost)
    if new and not lost:
        yield "a further session was opened"


def _check_usable(
    version: Value, record: Value, mine: dict[str, _Session], theirs: dict[str, _Session]
) -> None:
    """What libsignal itself wants of a record: a version that it migrates, and the open session."""
    if member(record, "version") not in (version, "v1") and "version" in record:  # type: ignore[operator]
        raise Behind("the record in the database is of a version that the library refuses")
    if any(map(_is_open, mine.values())) and not any(map(_is_open, theirs.values())):
        raise Behind("no session in the database is open, and the library never leaves none")
    for one in theirs.values():
        pending = one.get("pendingPreKey")
        if pending is not None and (
            member(pending, "baseKey") != member(one["indexInfo"], "baseKey")
            or number(pending, "signedKeyId") is None
        ):
            raise Behind("the pending pre-key of a session in the database is none")
        if number(one["indexInfo"], "closed") is None:
            raise Behind("a session in the database is neither open nor closed")


def _check_whole(form: _Session, session: _Session) -> None:
    """One field that libsignal can't read makes the whole record "No session record"."""
    for path in _SECRETS:
        before: Value = form
        after: Value = session
        for name in path:
            before, after = member(before, name), member(after, name)
        if not as_whole(before, after):
            raise Behind(f"{path[-1]} of a session in the database is no key")
    if type(form.get("registrationId")) is not type(session.get("registrationId")):
        raise Behind("a session in the database has no registrationId")
    for chain in _chains(session).values():
        _counter(chain)
        keys = [_chain_key(chain) or "", *_message_keys(chain).values()]
        sides = (_SENDING, _RECEIVING)
        if not all(isinstance(key, str) for key in keys) or chain.get("chainType") not in sides:
            raise Behind(
                "a chain of a session in the database has a key or a side of an unknown form"
            )
        if chain.get("chainType") == _SENDING and not keys[0]:
            raise Behind("a sending chain in the database has no key")


def _superseded(
    session: _Session, new: dict[str, _Session], owners: Collection[bytes | None]
) -> str:
    """A session that the database lacks must have been replaced by a later one of its contact."""
    last = _time(session, "used")
    later = [one for one in new.values() if _time(one, "created") > last]
    if not later:
        raise Behind("the database lacks a session, and none there is later")
    if not any(_identity(one) in owners for one in later):
        raise Behind("the database's later session is with another identity than the contact's")
    return "a later session took the place of one"


def _is_open(session: _Session) -> bool:
    return member(session["indexInfo"], "closed") == -1


def _identity(session: _Session) -> bytes | None:
    return octets(member(session["indexInfo"], "remoteIdentityKey"))


def _time(session: _Session, name: str) -> int:
    value = number(session["indexInfo"], name)
    if value is None:
        raise Behind("a session has no time of use")
    return value


def _advanced(mine: _Session, theirs: _Session) -> Iterator[str]:
    for name in _OWNER:
        if member(mine["indexInfo"], name) != member(theirs["indexInfo"], name):
            raise Behind(f"it is another session's: {name} differs")
    if mine.get("registrationId") != theirs.get("registrationId"):
        raise Behind("it is another session's: registrationId differs")
    closed, there = (one["indexInfo"].get("closed") for one in (mine, theirs))  # type: ignore[union-attr]
    if closed not in (-1, there):
        raise Behind("a session that is closed in the file was opened in the database")
    used, later = _time(mine, "used"), _time(theirs, "used")
    if later < used:
        raise Behind("the file's session was used later than the database's")
    my_chains, their_chains = _chains(mine), _chains(theirs)
    ratchet, ratchet_there = mine.get("currentRatchet"), theirs.get("currentRatchet")
    current = member(ratchet_there, "lastRemoteEphemeralKey")
    for name in my_chains.keys() & their_chains.keys():
        _check_descent(my_chains[name], their_chains[name], name != current)
        yield from _chain_advanced(my_chains[name], their_chains[name])
    if my_chains.keys() != their_chains.keys():
        yield _stepped(my_chains, their_chains, later > used)
    elif real_key(member(ratchet, "rootKey")) and ratchet != ratchet_there:
        raise Behind("its root key differs, although the ratchet did not step")
    if later > used:
        yield "the session was used later"
    pending, still = mine.get("pendingPreKey"), theirs.get("pendingPreKey")
    if pending is not None and still is None:
        if later == used:
            raise Behind("the session is confirmed in the database, and received nothing that did")
        yield "the session was confirmed"
    elif pending != still:
        raise Behind("the file's session is confirmed, the database's is not yet, or not so")


def _stepped(mine: dict[str, _Session], theirs: dict[str, _Session], later: bool) -> str:
    """Which side came first the time of use tells: only a receipt steps the ratchet, and sets that."""
    if not later:
        raise Behind("the chains differ and the times of use do not tell which is later")
    if any(mine[name].get("chainType") != _SENDING for name in mine.keys() - theirs.keys()):
        raise Behind("the database lacks a receiving chain, and those are never deleted")
    return "the ratchet stepped on"


def _chains(session: _Session) -> dict[str, _Session]:
    chains = session["_chains"]
    if not isinstance(chains, dict) or not all(isinstance(c, dict) for c in chains.values()):
        raise Behind("chains of an unknown form")
    return chains  # type: ignore[return-value]


def _chain_advanced(mine: _Session, theirs: _Session) -> Iterator[str]:
    before, after = _counter(mine), _counter(theirs)
    if after < before:
        raise Behind(f"a chain stands at {before} in the file, at {after} in the database")
    my_keys, their_keys = _message_keys(mine), _message_keys(theirs)
    old = {counter: key for counter, key in their_keys.items() if counter <= before}
    if old.keys() - my_keys.keys():
        raise Behind("the file has used up message keys that the database still holds")
    if any(my_keys[counter] != key for counter, key in old.items()):
        raise Behind("a kept message key is another one in the database")
    if after > before:
        yield f"a chain moved from {before} to {after}"
    elif my_keys.keys() - their_keys.keys():
        yield "kept message keys were used"


def _check_descent(mine: _Session, theirs: _Session, passed: bool) -> None:
    """The file's key, stepped on, gives the database's; a receiving chain that was passed has none."""
    if mine.get("chainType") != theirs.get("chainType"):
        raise Behind("a chain is for the other direction in the database")
    before, after = _counter(mine), _counter(theirs)
    there, their_keys = _chain_key(theirs), _message_keys(theirs)
    closed = not there and passed and theirs.get("chainType") != _SENDING
    if not _chain_key(mine):
        if there or after > before:
            raise Behind("a chain that is closed in the file is open in the database")
        return
    key, steps = real_key(_chain_key(mine)), after - before
    if key is None:
        if not there and not closed:
            raise Behind("a chain's key is gone")
        return
    if steps > MOST_STEPS:
        raise Behind("a chain moved further than a chain does")
    wanted = {counter - before for counter in their_keys if counter > before}
    expected, kept = steps_from(key, steps, wanted)
    if not closed and real_key(there) != expected:
        raise Behind("a chain's key is not the one that the file's leads to")
    if any(real_key(their_keys[before + step]) != kept.get(step) for step in wanted):
        raise Behind("a kept message key is not one that the file's chain leads to")


def _chain_key(chain: _Session) -> Value:
    return member(chain["chainKey"], "key")


def _counter(chain: _Session) -> int:
    counter = number(chain["chainKey"], "counter")
    if counter is None:
        raise Behind("a chain has no counter")
    return counter


def _message_keys(chain: _Session) -> dict[int, Value]:
    keys = chain.get("messageKeys")
    if not isinstance(keys, dict):
        raise Behind("the kept message keys of a chain are none")
    return {int(counter): key for counter, key in keys.items()}
