"""Which archives and backups may go. Pure: from what is there to an answer for each, with its reason.

An archive may be the last copy of what it holds, so time alone deletes none: each pairing whose
session files are in it must have been imported into the database, which still has it, or be in a later
archive that is whole. A pairing is told by its creds.json: the company may have been paired anew before
the import or after it, and then the archive holds what nothing else does.

A backup of the database is an older state of rows that have gone on since: nobody restores it while a
later one is whole. So the latest whole one of each kind stays, and what is damaged is left to a person.
A later one of tables that had lost companies by then, or all keys, is none to go back to.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sessionstore.errors import BadFile
from sessionstore.keys.credentials import credentials_of
from sessionstore.keys.values import parse
from sessionstore.retention.archives import GONE, WHOLE, Archive, age_order

if TYPE_CHECKING:
    # Imported for real it would bring the database's driver, which archives do without.
    from sessionstore.retention.backups import Backup

DAY = 86_400.0
_RELIED_ON = "its directory is still there, and its removal relies on the archive"
#: A bare company id and the SHA-256 of a creds.json.
Pairing = tuple[str, str]


@dataclass(frozen=True)
class Answer:
    archive: str  # path of the encrypted file
    prune: bool  # whether it may be deleted
    why: str  # the reason, in words


def judge(
    shelf: Sequence[Archive],
    keep_days: float,
    now: float,
    imported: Mapping[Pairing, str | None],
    in_use: Collection[str] = (),
) -> list[Answer]:
    """Judge every archive of a shelf, each hashed. ``in_use``: paths of those that something relies on."""
    answers = []
    in_database = {pairing for pairing, why_not in imported.items() if why_not is None}
    for one in shelf:
        kept = (
            _not_whole(one.state)
            or (_RELIED_ON if one.path in in_use else None)
            or _too_young(one.created, keep_days, now)
            or _last_copy(one, shelf, imported)
        )
        past = f"past its {keep_days:g} days; {_elsewhere(one, in_database)}"
        answers.append(Answer(one.path, not kept, kept or past))
    return answers


def judge_backups(backups: Sequence[Backup], keep_days: float, now: float) -> list[Answer]:
    """Judge every backup of the database as :func:`judge` does archives."""
    answers = []
    for one in backups:
        kept = (
            _not_whole(one.state)
            or _too_young(one.created, keep_days, now)
            or _latest_of_its_kind(one, backups)
        )
        past = f"past its {keep_days:g} days; a later {one.name} is whole"
        answers.append(Answer(one.path, not kept, kept or past))
    return answers


def _latest_of_its_kind(one: Backup, backups: Sequence[Backup]) -> str | None:
    later = any(
        other.state == WHOLE
        and other.name == one.name
        and age_order(other) > age_order(one)
        and other.companies >= one.companies
        and (other.keys > 0 or one.keys == 0)
        for other in backups
    )
    return None if later else f"the latest whole {one.name} with {one.companies} companies"


def _not_whole(state: str) -> str | None:
    if state == GONE:
        return "pruned already"
    return None if state == WHOLE else f"{state}: look at it first"


def _too_young(created: float | None, keep_days: float, now: float) -> str | None:
    if created is None:
        return "nobody can tell how old it is"
    left = keep_days - (now - created) / DAY
    return f"to be kept for {math.ceil(left):,} more days" if left > 0 else None


def _last_copy(
    one: Archive, shelf: Sequence[Archive], imported: Mapping[Pairing, str | None]
) -> str | None:
    if one.nameless:
        return "nobody can tell whose session files it holds: some are no keys in a company's directory"
    unpaired = set(one.companies) - {company for company, _ in one.credentials}
    if unpaired:
        of_which = f"which pairing of company {min(unpaired)} its files are of"
        return f"no creds.json in it tells {of_which}"
    later = [other for other in shelf if other.state == WHOLE and age_order(other) > age_order(one)]
    for pairing in one.credentials:
        unknown = f"its creds.json of company {pairing[0]} was not imported into the database"
        why_not = imported.get(pairing, unknown)
        if why_not and not any(pairing in other.credentials for other in later):
            return f"{why_not}, and no later archive has it"
    return None


def _elsewhere(one: Archive, in_database: Collection[Pairing]) -> str:
    if not one.companies:
        return "no session files are in it"
    places = {True: "the database", False: "a later archive"}
    found = [(pairing[0], places[pairing in in_database]) for pairing in one.credentials]
    return ", ".join(f"company {company} is in {place}" for company, place in found)


def why_not_there(company_id: str, recorded: str | None, creds: str | None) -> str | None:
    """Tell why the database can't be taken to have the pairing of an import; ``creds`` as JSON text."""
    if creds is None:
        return f"the database has no credentials of company {company_id} any more"
    if recorded is None:
        return f"the import record of company {company_id} does not say which pairing it was"
    try:
        now = credentials_of(parse(creds.encode("utf-8"))).identity.digest
    except BadFile as trouble:
        return f"the database's credentials of company {company_id} are no good: {trouble}"
    if now != recorded:
        return f"company {company_id} was paired anew since its import"
    return None
