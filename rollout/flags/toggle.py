"""A toggle from the YAML to the proof in every process, or all of it back.

Order: look at every host (nothing is changed if one can't be asked), write the YAML, then host after
host: stage, switch, prove, record. What is not healthy is put back by the host's own switch; then the
YAML and the hosts that were done go back too. A host that was cut off says nothing about the flag:
what is done stays, and the same command goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from roles.hostprogram.command import zipapp
from rollout.console import Progress
from rollout.environment.environment import AT_ONCE, Environment, Host
from rollout.errors import OperatorError
from rollout.flags import host as flags_host
from rollout.flags.drift import judged
from rollout.flags.edit import Toggle
from rollout.hosts.program import HostRefusedError, look_installed
from rollout.hosts.ssh import Connections
from rollout.processes.children import each
from rollout.run import Run

DONE, ALREADY, PUT_BACK = "done", "already so", "put back"
FAILED, UNTOUCHED = "failed", "untouched"
# Verdicts of a host's switch about what it was given; all others are about the way there.
PUT_BACKS = ("put back", "put back, not healthy")
VERDICTS = ("refused", *PUT_BACKS, "left stopped")


@dataclass
class HostToggle:
    host: str
    outcome: str = UNTOUCHED
    changes: list[dict[str, Any]] = field(default_factory=list)  # of its ``.env``: name, from, to
    seconds: float | None = None  # from the beginning of the command to the proof in its process
    without_service: float | None = None  # seconds, by the host; None where none, or not measured
    error: str = ""


@dataclass
class ToggleOutcome:
    environment: str
    run: Run
    toggle: Toggle
    hosts: list[HostToggle]
    files_back: bool = False
    error: str = ""  # what failed; empty if nothing did

    @property
    def succeeded(self) -> bool:
        return not self.error


@dataclass(frozen=True)
class Work:
    connections: Connections
    environment: Environment
    run: Run
    toggle: Toggle
    undoes: str
    began: float
    commits: Mapping[str, str]  # by host, what runs there

    def switch(self, host: Host) -> dict[str, Any]:
        commit = self.commits[host.name]
        return flags_host.toggle(self.connections, self.environment, host, self.run, commit)

    def recorded(self, *, back: bool = False) -> dict[str, Any]:
        """The toggle as a line of a host's history; taken back, it undoes its own run."""
        changes = self.toggle.changes()
        if back:
            changes = [{**one, "from": one["to"], "to": one["from"]} for one in changes]
        undoes = self.run.rollout_id if back else self.undoes
        told = {"scope": self.toggle.scope, "undoes": undoes, "changes": changes}
        return {**self.run.overrides(), **told}


def carry_out(
    environment: Environment, toggle: Toggle, run: Run, undoes: str, shown: Progress
) -> ToggleOutcome:
    """Do a toggle, or undo one; raises before anything was changed anywhere."""
    began = time.monotonic()
    untouched = [HostToggle(host.name) for host in toggle.hosts]
    outcome = ToggleOutcome(environment.name, run, toggle, untouched)
    with Connections() as connections, ThreadPoolExecutor(1) as beside:
        # What the hosts' programs are compared with is built while the connections are made.
        beside.submit(zipapp)

        def commit_of(host: Host) -> tuple[str, str]:
            shown.of(host.name).step("looking at its flags")
            return host.name, fit_commit(connections, environment, host)

        commits = dict(each(toggle.hosts, commit_of, AT_ONCE))
        work = Work(connections, environment, run, toggle, undoes, began, commits)
        for file in toggle.files:
            file.write()
        for host, result in zip(toggle.hosts, outcome.hosts, strict=True):
            try:
                toggle_host(work, host, result, shown)
            except OperatorError as error:
                result.outcome, result.error = FAILED, str(error)
                outcome.error = str(error)
                back_out(work, outcome, error, shown)
                break
    return outcome


def fit_commit(connections: Connections, environment: Environment, host: Host) -> str:
    """The commit that a host runs, if its flags can be toggled at all."""
    seen = look_installed(connections, environment, host)
    if seen["problem"]:
        raise OperatorError(f"{host.name}: {seen['problem']}; nothing was changed.")
    if not seen["running"]:
        problem = "the service does not run, so no flag can be proven in it; nothing was changed."
        remedy = f"rollout status {environment.name} --host {host.name}"
        raise OperatorError(f"{host.name}: {problem}", remedy)
    return str(seen["revision"])


def toggle_host(work: Work, host: Host, result: HostToggle, shown: Progress) -> None:
    """Stage, switch, prove and record on one host."""
    progress = shown.of(host.name)
    progress.step("switching")
    switched = work.switch(host)
    result.changes = switched["staged"]
    result.without_service = switched.get("seconds_without_service")
    prove(work, host, switched["seen"])
    result.seconds = round(time.monotonic() - work.began, 2)
    already = switched["outcome"] == "nothing to do" and not work.toggle.files
    result.outcome = ALREADY if already else DONE
    if not already:
        flags_host.record(work.connections, host, work.recorded())
    progress.ended(f"{result.outcome} in {result.seconds} s")


def prove(work: Work, host: Host, seen: Mapping[str, Any]) -> None:
    """The file, the process and the service's own answer show the toggled values."""
    found = judged(host.name, host.settings["flags"], seen, {})
    toggled = [row for row in found.rows if row.drift and row.name in work.toggle.values]
    wrong = [*found.problems, *(f"{row.name} {row.drift}" for row in toggled)]
    if wrong:
        problem = f"{host.name}: switched, but not proven: {'; '.join(wrong)}"
        raise OperatorError(problem, f"rollout flags show {work.environment.name}")


def goes_back(error: OperatorError, some_done: bool) -> bool:
    """Whether a failure takes the whole toggle back: as a verdict about the value, or as the first."""
    if not isinstance(error, HostRefusedError):  # cut off: its switch may go on by itself
        return False
    return error.outcome in VERDICTS or not some_done


def back_out(work: Work, outcome: ToggleOutcome, error: OperatorError, shown: Progress) -> None:
    """After a failure: all back, or left as it is for the same command to finish."""
    changed = [one for one in outcome.hosts if one.outcome == DONE]
    failed = next(one for one in outcome.hosts if one.outcome == FAILED)
    if not goes_back(error, bool(changed)):
        return
    if isinstance(error, HostRefusedError) and error.outcome in PUT_BACKS:
        failed.outcome = PUT_BACK
    old = {host.name: host for host in work.toggle.old_hosts}
    with suppress(OperatorError):  # what is staged there has no effect; the next run stages anew
        flags_host.stage(work.connections, old[failed.host])
    for one in reversed(changed):
        shown.of(one.host).step("putting it back")
        try:
            work.switch(old[one.host])
            one.outcome = PUT_BACK
            flags_host.record(work.connections, old[one.host], work.recorded(back=True))
        except OperatorError as second:
            done = one.outcome == PUT_BACK
            one.error = f"{'put back, but not recorded' if done else 'not put back'}: {second}"
            one.outcome = FAILED
    try:
        for file in work.toggle.files:
            file.put_back()
        outcome.files_back = True
    except OperatorError as second:
        outcome.error += f"\n{second}"
