"""Which archives may go. Pure: from what is on the shelf to an answer for each, with its reason.

An archive may be the last copy of what it holds, so time alone deletes none: each company that
has session files in it must be in the database now, or with its credentials in a later archive
that is whole.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sessionstore.shelf import GONE, WHOLE, Shelved

DAY = 86_400.0


@dataclass(frozen=True)
class Answer:
    """What becomes of one archive.

    Attributes:
        archive: path of the encrypted file.
        prune: whether it may be deleted.
        why: the reason, in words.
    """

    archive: str
    prune: bool
    why: str


def judge(
    shelf: Sequence[Shelved],
    keep_days: float,
    now: float,
    in_database: Collection[str],
    in_use: Collection[str] = (),
) -> list[Answer]:
    """Judge every archive on a shelf.

    Args:
        shelf: the archives, each hashed.
        keep_days: how long an archive is kept at least.
        now: seconds since 1970; where two clocks are at hand, the earlier.
        in_database: bare ids of the companies whose credentials are in the database now.
        in_use: paths of archives that something still relies on, such as those of directories
            that are set aside.

    Returns:
        One answer for each, in the same order.
    """
    answers = []
    for one in shelf:
        kept = (
            _still_needed(one, in_use)
            or _too_young(one, keep_days, now)
            or _last_copy(one, shelf, in_database)
        )
        past = f"past its {keep_days:g} days; {_elsewhere(one, in_database)}"
        answers.append(Answer(one.archive, not kept, kept or past))
    return answers


def _still_needed(one: Shelved, in_use: Collection[str]) -> str | None:
    if one.state == GONE:
        return "pruned already"
    if one.state != WHOLE:
        return f"{one.state}: look at it first"
    if one.archive in in_use:
        return "its directory is still there, and its removal relies on the archive"
    return None


def _too_young(one: Shelved, keep_days: float, now: float) -> str | None:
    if one.created is None:
        return "nobody can tell how old it is"
    left = keep_days - (now - one.created) / DAY
    return f"to be kept for {math.ceil(left):,} more days" if left > 0 else None


def _last_copy(one: Shelved, shelf: Sequence[Shelved], in_database: Collection[str]) -> str | None:
    if one.nameless:
        return "nobody can tell whose session files it holds: no directory in it names a company"
    for company in one.companies:
        if company not in in_database and not any(_later(other, one, company) for other in shelf):
            return f"the database lacks company {company}, and no later archive has it"
    return None


def _later(other: Shelved, one: Shelved, company: str) -> bool:
    return (
        other.state == WHOLE
        and company in other.credentials
        and (other.created or 0.0, other.manifest) > (one.created or 0.0, one.manifest)
    )


def _elsewhere(one: Shelved, in_database: Collection[str]) -> str:
    if not one.companies:
        return "no session files are in it"
    parts = [
        f"company {company} is in {'the database' if company in in_database else 'a later archive'}"
        for company in one.companies
    ]
    return ", ".join(parts)
