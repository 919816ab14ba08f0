"""Accounting for a directory that was just read as a whole, for its archive's sake."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from sessionstore.accounting import Accounting, account
from sessionstore.activity import NOT_KNOWN, Activity
from sessionstore.database import Connection
from sessionstore.grammar import company_of
from sessionstore.known import KnownFiles
from sessionstore.layout import AS_NAMED, Layout
from sessionstore.records import recorded_values
from sessionstore.scan import scan_directory
from sessionstore.tree import DirectoryScan
from sessionstore.whole import Tree


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
    """Do as :func:`sessionstore.accounting.account`, on the bytes that were read already.

    A key file of bytes that were imported is not parsed again: which value they are is on record.
    Every row is read and compared as ever.

    Args:
        conn: an open connection, in no transaction.
        directory_fd: the directory.
        tree: all of it, as walked and hashed; whoever deletes a file afterwards makes sure that it
            is still in the state that was hashed.
        label: how to call the directory in messages.
        kind: as declared: live, backup or test.
        company_ids: the companies of the host.
        activity: what the service does. Who holds something is left to the removal itself, which
            looks last of all, and by leases where /proc does not tell.
        acknowledge: as declared, or None.
        layout: whose files lie where, as declared.

    Returns:
        The decision with everything that led to it.

    Raises:
        DatabaseProblem: the tables can't be read.
        DirectoryProblem: the directory can't be listed.
    """
    with _scan(conn, directory_fd, tree, label, company_ids, layout=layout) as scan:
        return account(
            conn,
            scan,
            kind,
            company_ids=company_ids,
            activity=activity,
            acknowledge=acknowledge,
        )


def _scan(
    conn: Connection,
    directory_fd: int,
    tree: Tree,
    label: str,
    company_ids: Collection[str],
    *,
    layout: Layout,
) -> DirectoryScan:
    # By itself, so that the records of a large company are out of memory before its rows come.
    named = {company_of(os.path.basename(node.path)) for node in tree.directories}
    whose = {*company_ids, *layout.companies.values(), *(one for one in named if one)}
    known = KnownFiles(tree, recorded_values(conn, whose))
    return scan_directory(directory_fd, label=label, layout=layout, known=known)
