"""Whether the database's credentials have all that the file's have. Pure: no I/O.

Baileys 7.0.0-rc14 writes them by ``Object.assign(creds, update)`` alone: a name is replaced, none is
ever dropped. Within ``me`` and ``accountSettings`` it replaces the whole object.
"""

from __future__ import annotations

from sessionstore.judgement.evidence import lacking, member
from sessionstore.keys.ratchets import as_whole
from sessionstore.keys.values import Value

#: What a pairing is made with besides its identity, and never changes.
_FIXED = ("pairingEphemeralKeyPair", "account")


def trouble_with(file: Value, database: Value) -> str | None:
    """What speaks against the database's credentials, of the same identity, being later; no value's part."""
    if not isinstance(file, dict) or not isinstance(database, dict):
        return "the credentials are no object"
    if gone := lacking(file, database):
        return f"the database's credentials lack {', '.join(gone)}"
    different = [name for name in _FIXED if file.get(name) and file[name] != database.get(name)]
    if file.get("registered") is True and database.get("registered") is not True:
        different.append("registered")  # a service that reads it would pair anew
    identities = file.get("signalIdentities") or []
    there = database.get("signalIdentities")
    if not _within(identities, there):
        different.append("signalIdentities")
    lids = [member(member(one, "me"), "lid") for one in (file, database)]
    if all(lids) and lids[0] != lids[1]:
        different.append("me.lid")
    if not _whole_pair(member(file, "signedPreKey"), member(database, "signedPreKey")):
        different.append("signedPreKey")
    return f"never changes, but differs: {', '.join(different)}" if different else None


def _within(some: Value, those: Value) -> bool:
    if not isinstance(some, list) or not isinstance(those, list):
        return some == those or not some
    return all(one in those for one in some)


def _whole_pair(mine: Value, theirs: Value) -> bool:
    """One of the same number is the same; a later one has all that the file's has."""
    if not isinstance(mine, dict):
        return True
    if member(theirs, "keyId") == mine.get("keyId"):
        return theirs == mine
    pair, other = member(mine, "keyPair"), member(theirs, "keyPair")
    return as_whole(mine.get("signature"), member(theirs, "signature")) and all(
        as_whole(member(pair, name), member(other, name)) for name in ("public", "private")
    )
