"""The proof that a removal makes: of what was just read for its archive's sake, and once more."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import replace

from sessionstore.archive.manifest import Manifest
from sessionstore.archive.sealed import Held
from sessionstore.database import standing
from sessionstore.database.companies import read_rows
from sessionstore.database.connection import Connection, transaction
from sessionstore.disk.walk import Tree
from sessionstore.judgement.absent import RULES
from sessionstore.judgement.activity import NOT_KNOWN, Activity
from sessionstore.judgement.directory import CompanyFacts
from sessionstore.keys.names import decode
from sessionstore.removal.account import Accounting, Census, account, census
from sessionstore.scan.layout import AS_NAMED, Layout
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.scan import scan_directory


def account_again(
    conn: Connection,
    directory_fd: int,
    tree: Tree,
    label: str,
    kind: str,
    *,
    company_ids: Collection[str] = (),
    activity: Activity = NOT_KNOWN,
    acknowledge: Mapping[str, object] | None = None,
    layout: Layout = AS_NAMED,
) -> Accounting:
    """Do as :func:`sessionstore.removal.account.account`, and make sure that it is what was walked.

    Every file and every row is read and compared itself: what an import recorded of a file would say
    of both what somebody made of them. Who holds something the removal looks last of all.
    """
    with scan_directory(directory_fd, label=label, layout=layout) as scan:
        found = account(
            conn, scan, kind, company_ids=company_ids, activity=activity, acknowledge=acknowledge
        )
        return _of_the_same_bytes(found, scan, tree)


def _of_the_same_bytes(found: Accounting, scan: DirectoryScan, tree: Tree) -> Accounting:
    """What was judged must be what was hashed, or the archive may not have it."""
    hashed = {node.path: node.sha256 for node in tree.files}
    files = [*scan.others] + [
        entry._replace(name=company.path_of(entry))
        for company in scan.companies
        for entry in company.files
    ]
    other = [entry.name for entry in files if entry.sha256 not in (None, hashed.get(entry.name))]
    if not other:
        return found
    reasons = [f"{name}: changed, or came, while it was looked at" for name in other]
    decision = replace(found.decision, removable=False, reasons=(*reasons, *found.decision.reasons))
    return replace(found, decision=decision)


#: Baileys deletes these itself, a few at a time: a new contact's message uses up a pre-key, a device
#: that a contact removed takes its session along. It is minutes between the looks, and the archive has
#: them all. Of the others a row that goes is a loss.
_COME_AND_GO = RULES.keys()
_AT_MOST = 20


def _gone_meanwhile(conn: Connection, first: Census) -> tuple[str, ...]:
    """What is not as it was in the snapshot that was judged; of a backup there are no rows to look at.

    The service writes meanwhile, so they are not the same; but they are all still there, of the same
    pairing, in a database of the same standing.
    """
    ids = list(first.identities)
    with transaction(conn, "looking again", isolation="REPEATABLE READ"):
        shaky = standing.of_database(conn) + standing.of_companies(conn, ids)
        now = census(conn, ids)
    gone = {
        key: _gone(key[1], before, now.rows.get(key, frozenset()))
        for key, before in first.rows.items()
    }
    return (
        *shaky,
        *(
            f"company {one}: its credentials in the database went, or are another pairing's,"
            " while its files were being removed"
            for one, identity in first.identities.items()
            if now.identities[one] is None or now.identities[one] != identity
        ),
        *(
            f"company {company}: {count:,} rows of {key_type} went, or are others, while its files"
            " were being removed. Look who writes or deletes them"
            for (company, key_type), count in gone.items()
            if count > (_AT_MOST if key_type in _COME_AND_GO else 0)
        ),
    )


def _gone(key_type: str, before: Set[int], now: Set[int]) -> int:
    """How many rows went; a session may move to its contact's LID, any number of them at once."""
    return len(before) - len(now) if key_type == "session" else len(before - now)


def _gone_since(
    conn: Connection, manifest: Manifest, tree: Tree, companies: Sequence[CompanyFacts]
) -> list[str]:
    """Keys whose files a run that was cut off has deleted, and that are not in the database any more.

    Of types that Baileys never deletes: that run saw the rows, and nothing tells what it saw of others.
    """
    deleted = manifest.entries.keys() - {node.path for node in tree.nodes}
    reasons = []
    for company in companies if deleted else ():
        there = {key for key, _ in read_rows(conn, company.company_id or "")}
        for path in sorted(deleted):
            key = decode(os.path.basename(path))
            mine = (os.path.dirname(path) or ".") == company.directory
            if mine and key and key.key_type not in _COME_AND_GO and key not in there:
                reasons.append(
                    f"{path}: deleted by a run that was cut off, and its row went since. Get it out of"
                    " the archive, and look who deletes rows"
                )
    return reasons


class RemovalProof:
    """What a removal asks before it deletes, and again before what can't be had back goes."""

    def __init__(
        self, conn: Connection, held: Held, accounted: Callable[[int, Tree], Accounting]
    ) -> None:
        self._conn, self._held, self._accounted = conn, held, accounted
        self._first: Census | None = None

    def objections(self, directory_fd: int, tree: Tree) -> Sequence[str]:
        found = self._accounted(directory_fd, tree)
        self._first = found.rows
        live = [one for one in found.companies if one.company_id in found.rows.identities]
        since = _gone_since(self._conn, self._held.manifest, tree, live)
        return since if found.decision.removable else (*since, *found.decision.reasons)

    def again(self) -> Sequence[str]:
        assert self._first is not None  # it is asked for objections before
        return (*self._held.objections(), *_gone_meanwhile(self._conn, self._first))
