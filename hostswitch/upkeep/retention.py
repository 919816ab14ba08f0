"""What the daily check does beside looking: today's figures are kept, archives past their time go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostswitch.base.errors import HostError
from hostswitch.database.connection import connect
from hostswitch.directories.set_aside import all_set_aside
from hostswitch.host import Host
from hostswitch.record.journal import is_open
from sessionstore.errors import StoreError
from sessionstore.retention import archives as shelf

if TYPE_CHECKING:
    from sessionstore.retention.prune import Pruning


@dataclass(frozen=True)
class Upkeep:
    """What was done and found.

    Attributes:
        archives: how many were hashed.
        pruned: paths of archives and backups that went.
        recorded: whether today's figures were added; the first of a day stay.
        unusual: this host's companies that grew unlike their own past, in words.
        problems: what is wrong, each with a remedy.
    """

    archives: int
    pruned: tuple[str, ...]
    recorded: bool
    unusual: tuple[str, ...]
    problems: tuple[str, ...]


def run(host: Host) -> Upkeep:
    """Keep today's figures, hash every archive and backup, delete those that retention lets go."""
    problems: list[str] = []
    recorded, done = False, None
    unusual: tuple[str, ...] = ()
    found: list[shelf.Archive] = []
    try:
        recorded, unusual = _figures(host)
        done = _pruned(host)
        found = [] if done is None else [one for one, _ in done.archives]
        problems += _damaged_backups(done)
    except (HostError, StoreError, OSError) as error:
        problems.append(f"figures and archives could not be kept up: {error}")
        found, trouble = _looked_at(host)
        problems += trouble
    problems += [
        f"the archive {one.path} is {one.state}: {one.detail or 'it is not there'}. It may be the "
        f"last copy: restore it from the host's own backup"
        for one in found
        if one.state in (shelf.DAMAGED, shelf.MISSING)
    ]
    # While a switch is open, it was only said what would go.
    gone = () if done is None or is_open(host.places) else done.answers
    pruned = tuple(answer.archive for answer in gone if answer.prune)
    return Upkeep(len(found), pruned, recorded, unusual, tuple(problems))


def _figures(host: Host) -> tuple[bool, tuple[str, ...]]:
    """Record today's figures; other hosts of the database judge their own companies."""
    with connect(host.plan) as connection:
        from sessionstore.inspection import figures, growth

        companies = figures.measure(connection)
        recorded = figures.record(connection, companies)
    remedy = "Look at it: baileys-hostswitch store stats --table --plan -"
    return recorded, tuple(
        f"company {one.company_id} grew unlike its own past ({one.growth.why}). {remedy}"
        for one in companies
        if one.growth.verdict == growth.UNUSUAL and one.company_id in host.plan.companies
    )


def _pruned(host: Host) -> Pruning | None:
    """Hash everything, and prune; while a switch is open nothing goes: it may have no archive yet."""
    from sessionstore.retention import prune

    archive = host.plan.archive
    if not os.path.isdir(archive.directory):
        return None
    return prune.prune(
        host.plan.database.settings(),
        archive.directory,
        archive.keep_days,
        frozenset(item.archive for item in all_set_aside(host)),
        dry_run=is_open(host.places),
    )


def _damaged_backups(done: Pruning | None) -> list[str]:
    return [
        f"the backup {one.path} is {one.state}. Move it away with its manifest; the next rollout "
        f"that changes rows makes another"
        for one, _ in (() if done is None else done.backups)
        if one.state in (shelf.DAMAGED, shelf.MISSING)
    ]


def _looked_at(host: Host) -> tuple[list[shelf.Archive], list[str]]:
    directory = host.plan.archive.directory
    try:
        return (shelf.look(directory, hashed=True) if os.path.isdir(directory) else []), []
    except (StoreError, OSError) as error:
        return [], [f"the archives can't be looked at: {error}"]
