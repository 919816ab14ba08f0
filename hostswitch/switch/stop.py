"""Row 1: the service is down, and its files are whole."""

from __future__ import annotations

import shlex

from hostswitch.base import processes
from hostswitch.base.errors import StepFailedError, TornFilesError
from hostswitch.directories.scan import blocking
from hostswitch.host import Host
from hostswitch.record import journal
from hostswitch.service import started_with
from hostswitch.service.status import fetch
from hostswitch.switch.opened import Switch, step
from sessionstore.disk.holders import held_open
from sessionstore.disk.opening import closing, open_directory
from sessionstore.judgement.lineage import DESCENDS, SAME, compare
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.scan import scan_directory

_PM2_SECONDS = 30
_KILL_GRACE = 5
SHOWN = 5


def stop(switch: Switch) -> None:
    """Stop every app of the plan, and see that nobody holds the files and all are whole."""
    host = switch.host
    names, running = _listed(host)  # Where that fails, nothing was begun.
    with step(switch, journal.STOPPED):
        # Deleted, not only stopped: PM2 starts a stopped app again at the tick of its cron_restart.
        # What was kept in row 0 has all that bringing it back needs.
        host.pm2.delete(names, host.plan.kill_timeout_ms / 1000 + _PM2_SECONDS)
        switch.journal.mark(journal.STOPPED, "stop")
        _demand_gone(host, running)
        host.pm2.save(host.plan.pm2_apps)
        for path in switch.live_paths:
            _demand_unheld(host.path(path))
            demand_whole(switch, path)


def _listed(host: Host) -> tuple[set[str], set[processes.Identity]]:
    """Names of the plan's apps, and all of their processes."""
    apps = host.apps()
    return {app.name for app in apps}, processes.tree({app.pid for app in apps if app.pid > 0})


def _demand_gone(host: Host, running: set[processes.Identity]) -> None:
    left = processes.wait_gone(running, host.plan.kill_timeout_ms / 1000 + _KILL_GRACE)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise StepFailedError(f"PM2 was told to stop the service, but these run on: {pids}")
    if fetch(host.plan.gate.status_url) is not None:
        raise StepFailedError(
            f"the service was stopped, but {host.plan.gate.status_url} still answers: another copy "
            f"of it runs outside PM2. Find it with: ss -ltnp"
        )


def demand_down(switch: Switch) -> None:
    """See that nobody started a version meanwhile: it would use up the keys that were imported."""
    host, plan = switch.host, switch.host.plan
    apps = host.pm2.apps()
    found = [f"PM2's {app.name}" for app in apps if app.name in plan.pm2_apps]
    others = processes.node_outside(plan.app_dir, plan.pm2_home, {app.pid for app in apps})
    found += [f"process {pid} in {where}" for pid, where in sorted(others.items())]
    if found:
        raise StepFailedError(f"started while the service was to be down: {', '.join(found)}")


def _demand_unheld(path: str) -> None:
    with closing(open_directory(path)) as descriptor:
        holders = held_open(descriptor)
    if holders:
        first = holders[0]
        raise StepFailedError(
            f"the service was stopped, but pid {first.pid} ({first.command}) holds {path}. "
            f"End it, then run the rollout again"
        )


def problems_of(switch: Switch, path: str) -> list[str]:
    """Why a live directory is not whole: a file does not parse, or its credentials are others.

    The same as the copy's or descending from them they must be until a version was started on them.
    """
    copy, layout = switch.copy_of(path), switch.host.plan.layout_of(path)
    with scan_directory(switch.host.path(path), layout=layout) as scan:
        problems = [f"{one.where}: {one.kind}" for one in blocking(scan)]
        if problems or not copy.is_dir() or switch.journal.last(journal.UNDONE, "start"):
            return problems
        with scan_directory(str(copy), layout=layout) as before:
            return _regressions(before, scan)


def demand_whole(switch: Switch, path: str) -> None:
    """A version that reads files is never started on files that are not whole, nor are they imported."""
    problems = problems_of(switch, path)
    if problems and switch.facts.files_provider:
        raise torn_files(switch, path, problems)
    if problems:
        raise StepFailedError(f"{path} is not whole: {'; '.join(problems[:SHOWN])}")


def torn_files(switch: Switch, path: str, problems: list[str]) -> TornFilesError:
    live, copy = (shlex.quote(str(p)) for p in (switch.host.path(path), switch.copy_of(path)))
    user = shlex.quote(switch.host.plan.service_user)
    return TornFilesError(
        f"{live} is not whole: {'; '.join(problems[:SHOWN])}. The service is left stopped: started "
        f"on these files it would lose keys or make a new identity. A copy from just before the "
        f"stop lies in {copy}. Compare: diff -rq --no-dereference {copy} {live}. Take a file over, with "
        f"that user's rights: runuser -u {user} -- tee {live}/FILE < {copy}/FILE > /dev/null. Then: "
        "baileys-hostswitch resume"
    )


def _regressions(before: DirectoryScan, now: DirectoryScan) -> list[str]:
    found = []
    for old in before.companies:
        new = now.company(old.company_id) if old.company_id else None
        if old.credentials is None:
            continue
        if new is None or new.credentials is None:
            found.append(f"the credentials of company {old.company_id} are gone")
            continue
        verdict = compare(old.credentials, new.credentials)
        if verdict.relation not in (SAME, DESCENDS):
            found.append(f"the credentials of company {old.company_id}: {verdict.reason}")
    return found


def take_down(host: Host) -> None:
    """Stop the plan's apps, forget how PM2 started them, and see that they are gone.

    Deleting is what cures an environment that PM2 exported once and keeps (docs/facts.md section 3).
    """
    started_with.forget(host)
    seconds = host.plan.kill_timeout_ms / 1000 + _PM2_SECONDS
    names, running = _listed(host)
    host.pm2.delete(names, seconds)
    if processes.wait_gone(running, seconds):
        raise StepFailedError("PM2 deleted the service, but its processes run on; end them by hand")
