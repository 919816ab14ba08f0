"""The daily check: is what a rollout left still so? Records, prunes, and raises the alarm."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from typing import Any

from hostswitch.base import processes
from hostswitch.base.errors import FOUND_WRONG, UNUSUAL_GROWTH, HostError
from hostswitch.base.output import progress
from hostswitch.database import evidence
from hostswitch.database.connection import connect
from hostswitch.decide import gate, pairing
from hostswitch.decide.gate import Company, Expectation
from hostswitch.description.claims import Signalled
from hostswitch.envfile import values
from hostswitch.host import Host
from hostswitch.plan import REQUIRED
from hostswitch.record.history import DAILY_CHECK
from hostswitch.record.journal import is_open
from hostswitch.service import started_with
from hostswitch.service.alarm import alarm
from hostswitch.service.status import fetch, running_pid
from hostswitch.upkeep import retention
from sessionstore.errors import StoreError

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
    kept_up = retention.run(host)
    wrong = [*_open_switch(host), *_came_back(host), *_service(host), *kept_up.problems]
    fields = {
        "outcome": "failed" if wrong or kept_up.unusual else "passed",
        "problems": [*wrong, *kept_up.unusual],
        "archives": kept_up.archives,
        "pruned": list(kept_up.pruned),
        "recorded": kept_up.recorded,
    }
    if not fields["problems"]:
        host.history.add(DAILY_CHECK, **fields)
        return fields
    message = f"the daily check of {host.plan.host} failed: " + "; ".join(
        [*wrong, *kept_up.unusual]
    )
    # Before the record: a disk that is full must not keep the alarm back.
    alarm(host, message)
    host.history.add(DAILY_CHECK, **fields)
    raise DailyCheckError(message) if wrong else UnusualGrowthError(message)


def _open_switch(host: Host) -> list[str]:
    if not is_open(host.places):
        return []
    return ["a switch was cut off and is open; end it: baileys-hostswitch resume"]


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
        shadowed = values.shadows(processes.environment(pid, host.owner), flags)
        found += [f"its environment shadows {name} of the .env" for name in shadowed]
    return [f"{problem}. See: {remedy}" for problem in found]
