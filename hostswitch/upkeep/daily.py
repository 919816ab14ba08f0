"""The daily check: is what a rollout left still so? Keeps figures, prunes archives, and raises the alarm."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hostswitch.base import processes
from hostswitch.base.errors import FOUND_WRONG, UNUSUAL_GROWTH, HostError
from hostswitch.base.output import progress
from hostswitch.database import evidence
from hostswitch.database.connection import connect
from hostswitch.decide import gate, pairing
from hostswitch.decide.gate import Company, Expectation
from hostswitch.description.claims import Signalled
from hostswitch.directories.aside import all_set_aside
from hostswitch.envfile import values
from hostswitch.host import Host
from hostswitch.plan import REQUIRED
from hostswitch.record.history import DAILY_CHECK
from hostswitch.record.journal import is_open
from hostswitch.service import started_with
from hostswitch.service.status import fetch, running_pid
from sessionstore.errors import StoreError
from sessionstore.retention import archives as shelf

if TYPE_CHECKING:
    from sessionstore.retention.prune import Pruning

LOCK_WAIT_SECONDS = 3600
"""A rollout of a host takes minutes. What is left of the unit's time is for the check itself."""


class DailyCheckError(HostError):
    """Something is not as the last rollout left it; the alarm was raised.

    Every other way to fail has another exit code, and systemd raises the alarm (roles/sessions).
    """

    exit_code = FOUND_WRONG


class UnusualGrowthError(DailyCheckError):
    """A company grew or shrank unlike its own past, and nothing else is wrong."""

    exit_code = UNUSUAL_GROWTH


def run(host: Host) -> dict[str, Any]:
    """Check, keep today's figures, prune, record the result, and raise the alarm on what is wrong."""
    progress("look at the disk, the archives and the service")
    kept, unusual, problems = _kept_up(host)
    wrong = [*_came_back(host), *_service(host), *problems]
    if is_open(host.places):
        wrong.insert(0, "a switch was cut off and is open; end it: baileys-hostswitch resume")
    told = [*wrong, *unusual]
    fields = {"outcome": "failed" if told else "passed", "problems": told, **kept}
    if not told:
        host.history.add(DAILY_CHECK, **fields)
        return fields
    message = f"the daily check of {host.plan.host} failed: {'; '.join(told)}"
    # Before the record: a disk that is full must not keep the alarm back.
    host.alarm(message)
    host.history.add(DAILY_CHECK, **fields)
    raise DailyCheckError(message) if wrong else UnusualGrowthError(message)


def _came_back(host: Host) -> list[str]:
    return [
        f"{host.path(item.path)} is there again: something wrote session files. See: ls -l "
        f"--time-style=full-iso -- {shlex.quote(host.path(item.path))}"
        for item in host.plan.legacy_directories
        if os.path.lexists(host.path(item.path))
    ]


def _waiting(host: Host, status: Any) -> frozenset[str]:
    """The companies that rightly wait for their first pairing; those that paired go on record."""
    left = pairing.left_waiting(host.history.lines())
    if not left:
        return left
    with connect(host.plan) as connection:
        states = evidence.states(connection, left)
    shown = gate.shown(host.plan.description.signals, Signalled(status), left)
    paired = pairing.paired(left, shown, states)
    if paired:
        host.history.add(pairing.PAIRED, companies=sorted(paired))
    return pairing.nowhere(left - paired, states)


def _service(host: Host) -> list[str]:
    """Whether the declared release answers with the declared flags, from the database."""
    plan = host.plan
    status = fetch(plan.gate.status_url)
    remedy = f"rollout plan {plan.environment} --host {plan.host}"
    if status is None and plan.gate.status_url is not None:
        return [f"{plan.gate.status_url} does not answer. See: {remedy}"]
    try:
        waiting = _waiting(host, status)
    except (HostError, StoreError) as error:
        return [f"{error}. See: {remedy}"]
    companies = {company: Company(None, company not in waiting, 0) for company in plan.companies}
    connected = plan.gate.connected == REQUIRED
    flags = started_with.noted_or_planned(host)
    # What it wrote at its start, and whether it is connected to the database, other checks look at.
    asked = replace(plan.description.signals, log=None, database=False)
    found = gate.problems(asked, Signalled(status), Expectation(companies, connected, flags=flags))
    pid = running_pid(host)
    if pid is None and status is None:
        found.append(f"PM2 does not run {plan.service_app}")
    if pid is not None:
        directory = processes.working_directory(pid)
        if directory != plan.release:
            found.append(f"the service runs in {directory}, not in {plan.release}")
        exported = processes.environment(pid, host.owner)
        found += values.shadowing(exported, flags)
    return [f"{problem}. See: {remedy}" for problem in found]


def _kept_up(host: Host) -> tuple[dict[str, Any], list[str], list[str]]:
    """Keep today's figures, hash every archive and backup, delete those that retention lets go.

    What to record of it; this host's companies that grew unlike their own past; what is wrong.
    """
    problems: list[str] = []
    unusual: list[str] = []
    recorded, done = False, None
    try:
        recorded, unusual = _figures(host)
        done = _pruned(host)
        found = [one for one, _ in done.archives] if done else []
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
    gone = done.answers if done and not is_open(host.places) else ()
    pruned = [answer.archive for answer in gone if answer.prune]
    return {"archives": len(found), "pruned": pruned, "recorded": recorded}, unusual, problems


def _figures(host: Host) -> tuple[bool, list[str]]:
    """Record today's figures; other hosts of the database judge their own companies."""
    with connect(host.plan) as connection:
        from sessionstore.inspection import figures, growth

        companies = figures.measure(connection)
        recorded = figures.record(connection, companies)
        ours = [connection.tables.spelled(one) for one in host.plan.companies]
    remedy = "Look at it: baileys-hostswitch store stats --table --plan -"
    return recorded, [
        f"company {one.company_id} grew unlike its own past ({one.growth.why}). {remedy}"
        for one in companies
        if one.growth.verdict == growth.UNUSUAL and one.company_id in ours
    ]


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
        named=host.plan.description.directory,
    )


def _damaged_backups(done: Pruning | None) -> list[str]:
    return [
        f"the backup {one.path} is {one.state}. Move it away with its manifest; the next rollout "
        f"that changes rows makes another"
        for one, _ in (done.backups if done else ())
        if one.state in (shelf.DAMAGED, shelf.MISSING)
    ]


def _looked_at(host: Host) -> tuple[list[shelf.Archive], list[str]]:
    directory = host.plan.archive.directory
    try:
        return (shelf.look(directory, hashed=True) if os.path.isdir(directory) else []), []
    except (StoreError, OSError) as error:
        return [], [f"the archives can't be looked at: {error}"]
