"""The last row: start the new version once, gate it, save what PM2 brings back at boot."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from hostswitch.base import processes
from hostswitch.base.errors import HostError
from hostswitch.database.connection import connections_of
from hostswitch.decide.gate import Company, Expectation
from hostswitch.description.provider import choose, files_asked
from hostswitch.host import Host
from hostswitch.plan import REQUIRED
from hostswitch.record import journal
from hostswitch.record.journal import Entry
from hostswitch.service import logs, started_with
from hostswitch.service.pointers import present
from hostswitch.service.watch import Since, Verdict, Watch
from hostswitch.switch.opened import Switch
from hostswitch.switch.stop import take_down
from sessionstore.errors import StoreError


def start_new(switch: Switch) -> Verdict:
    host = switch.host
    host.pm2.wait_primed()
    take_down(host)
    host.pm2.ensure_daemon()
    return start_stopped(switch)


def start_stopped(switch: Switch) -> Verdict:
    host = switch.host
    sizes = logs.sizes(switch.facts.logs, host.pm2.home, host.owner)
    # With an active import, whatever is written asks for this start.
    mark = switch.journal.tell if switch.facts.imports else switch.journal.mark
    intent = mark(journal.HEALTHY, "intent", logs=sizes)
    started_with.note(host)
    host.pm2.start(host.places.to_start.read_bytes())
    mark(journal.HEALTHY, "start")
    return _watch(switch, intent).run()


def gate_again(switch: Switch) -> Verdict:
    """Gate a version that an earlier run started; start it if it does not run."""
    intent = switch.journal.last(journal.HEALTHY, "intent")
    if intent is None or not switch.host.runs_service():
        return start_new(switch)
    return replace(_watch(switch, intent).run(), gated_again=True)


def _watch(switch: Switch, intent: Entry) -> Watch:
    since = Since(intent.moment, intent.data["logs"])
    connections = partial(connections_now, switch.host)
    return Watch(switch.host, _expected(switch), since, switch.facts.rate, connections)


def connections_now(host: Host, pid: int) -> int:
    """How many connections to the database a process has; none where it can't be asked just now."""
    try:
        return connections_of(host.plan, processes.ports(pid))
    except (StoreError, HostError):
        return 0


def keep(switch: Switch, verdict: Verdict) -> None:
    """Make the healthy version the one that a boot brings back."""
    found = {
        "answered": verdict.answered and vars(verdict.answered),
        "companies": dict(verdict.companies),
        "gated_again": verdict.gated_again,
        "not_checked": list(verdict.not_checked),
        "lost_key_lines": verdict.compared and verdict.compared.as_json(),
    }
    switch.journal.tell(journal.HEALTHY, "gate", **found)
    plan = switch.host.plan
    switch.host.pm2.save(plan.pm2_apps, plan.service_app)
    switch.journal.tell(journal.HEALTHY, "done")


def _expected(switch: Switch) -> Expectation:
    plan = switch.host.plan
    companies = {company_id: _company(switch, company_id) for company_id in plan.companies}
    connected = plan.gate.connected == REQUIRED
    return Expectation(companies, connected, directory=plan.release, flags=plan.flags)


def _company(switch: Switch, company_id: str) -> Company:
    done = switch.journal.last(journal.IMPORTED, "done")
    imported = done.data["keys"] if done is not None else {}
    # Without an import keys may be consumed at any time: some must be there if some were.
    at_least = imported.get(company_id, min(1, switch.facts.keys_before.get(company_id, 0)))
    plan = switch.host.plan
    asked = present(plan.release, files_asked(plan.description.provider))
    provider = choose(plan.description.provider, plan.flags, asked).keeps
    paired = company_id not in switch.facts.waiting
    return Company(provider, paired, at_least)
