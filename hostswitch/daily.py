"""The daily check: is what a rollout left still so? Reads only, records, and raises the alarm."""

from __future__ import annotations

import os
from typing import Any

from hostswitch import closing, envfile, gate, observe, pairing, processes, resume, rows, watch
from hostswitch.errors import HostError
from hostswitch.gate import Company, Expectation
from hostswitch.host import Host
from hostswitch.output import progress
from hostswitch.seen import NOTHING
from sessionstore import shelf
from sessionstore.errors import StoreError

EVENT = "daily-check"


class DailyCheckError(HostError):
    """Something is not as the last rollout left it; the text lists all of it."""


def run(host: Host) -> dict[str, Any]:
    """Check, record the result in the history, and raise the alarm where something is wrong.

    Args:
        host: the host; its plan is that of the last rollout.

    Returns:
        The result's fields.

    Raises:
        DailyCheckError: what is wrong, with a remedy for each.
    """
    progress("look at the disk, the archives and the service")
    archives = _shelved(host)
    problems = [*_open_switch(host), *_came_back(host), *_archives(archives), *_service(host)]
    figures = {"archives": len(archives), "problems": problems}
    host.history.add(EVENT, outcome="failed" if problems else "passed", **figures)
    if problems:
        message = f"the daily check of {host.plan.host} failed: " + "; ".join(problems)
        closing.alarm(host, message)
        raise DailyCheckError(message)
    return {"outcome": "passed", **figures}


def _open_switch(host: Host) -> list[str]:
    if not resume.is_open(host.places):
        return []
    return ["a switch was cut off and is open; end it: baileys-hostswitch resume"]


def _came_back(host: Host) -> list[str]:
    return [
        f"{host.path(item.path)} is there again: something wrote session files. See: ls -l "
        f"--time-style=full-iso {host.path(item.path)}"
        for item in host.plan.legacy_directories
        if os.path.lexists(host.path(item.path))
    ]


def _shelved(host: Host) -> list[shelf.Shelved]:
    directory = host.plan.archive.directory
    return shelf.look(directory, hashed=True) if os.path.isdir(directory) else []


def _archives(found: list[shelf.Shelved]) -> list[str]:
    return [
        f"the archive {one.archive} is {one.state}: {one.detail or 'it is not there'}. It may be the "
        f"last copy: restore it from the host's own backup"
        for one in found
        if one.state in (shelf.DAMAGED, shelf.MISSING)
    ]


def _waiting(host: Host) -> frozenset[str]:
    """The companies that rightly wait for their first pairing; those that paired go on record.

    Raises:
        HostError, StoreError: the database, which has to have nothing of them, could not be asked.
    """
    left = pairing.left_waiting(host.history.lines())
    if not left:
        return left
    with rows.connect(host.plan) as connection:
        states = rows.states(connection, left)
    paired = observe.paired_of(host, left, states)
    if paired:
        host.history.add(pairing.PAIRED, companies=sorted(paired))
    return frozenset(c for c in left - paired if states[c] == NOTHING)


def _service(host: Host) -> list[str]:
    """Whether the declared release answers with the declared flags, from the database."""
    plan = host.plan
    status = watch.fetch(plan.gate.status_url)
    remedy = f"rollout plan {plan.environment} --host {plan.host}"
    if status is None:
        return [f"{plan.gate.status_url} does not answer. See: {remedy}"]
    try:
        waiting = _waiting(host)
    except (HostError, StoreError) as error:
        return [f"{error}. See: {remedy}"]
    companies = {company: Company(None, company not in waiting, 0) for company in plan.companies}
    connected = plan.gate.connected == "required"
    found = gate.problems(status, Expectation(companies, connected, flags=plan.flags))
    pid = status.get("pid")
    if isinstance(pid, int):
        directory = processes.working_directory(pid)
        if directory != plan.release:
            found.append(f"the service runs in {directory}, not in {plan.release}")
        shadowed = envfile.shadows(processes.environment(pid), plan.flags)
        found += [f"its environment shadows {name} of the .env" for name in shadowed]
    return [f"{problem}. See: {remedy}" for problem in found]
