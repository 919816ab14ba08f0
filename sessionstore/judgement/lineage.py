"""Which of two copies of a company's credentials descends from the other.

Identity is what a pairing is born with and keeps; clocks are counters in the credentials
that only grow (docs/facts.md section 2, "What a mover must respect"). Pure: no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass

from sessionstore.keys.credentials import _BORN_WITH, Clocks, Credentials, Identity

SAME = "same"
DESCENDS = "database descends"
FILE_AHEAD = "file ahead"
ANOTHER = "another identity"
ABSENT = "absent"


@dataclass(frozen=True)
class Verdict:
    relation: str  # one of the constants of this module
    reason: str  # the evidence in words


def compare(files: Credentials, database: Credentials | None) -> Verdict:
    """How the database's credentials relate to the files', which must stay but for SAME and DESCENDS."""
    if database is None:
        return Verdict(ABSENT, "the database has no credentials for this company")
    different = _different(files.identity, database.identity)
    if different:
        return Verdict(ANOTHER, f"another pairing: {', '.join(different)} differ")
    ahead, behind = [], []
    for name in Clocks.__dataclass_fields__:
        mine, theirs = getattr(files.clocks, name), getattr(database.clocks, name)
        if theirs > mine:
            ahead.append(f"{name} {mine} -> {theirs}")
        elif theirs < mine:
            behind.append(f"{name} {mine} in the file, {theirs} in the database")
    if files.clocks.signed_pre_key == database.clocks.signed_pre_key and (
        files.signed_pre_key != database.signed_pre_key
    ):
        # Each side has made its own since they parted: neither descends from the other.
        behind.append(f"signed pre-key {files.clocks.signed_pre_key} is another one in each")
    if behind:
        return Verdict(FILE_AHEAD, "; ".join(behind))
    if ahead:
        return Verdict(DESCENDS, "same identity; " + "; ".join(ahead))
    return Verdict(SAME, "same identity, same clocks")


def _different(one: Identity, other: Identity) -> list[str]:
    names = ["me.id"] if one.account != other.account else []
    pairs = zip(_BORN_WITH, one.fingerprint, other.fingerprint, strict=True)
    return names + [name for name, mine, theirs in pairs if mine != theirs]
