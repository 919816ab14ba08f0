"""Companies that move from one host to another: which host runs which, asked of the hosts themselves.

Two services with one company's credentials fight (docs/facts.md section 2). What is declared twice is a
mistake of the settings; what was moved in the inventory still runs on the host that it left, until
that one has been rolled out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rollout.console import Progress
from rollout.environment.environment import AT_ONCE, SERVICE, Environment, Host
from rollout.errors import OperatorError
from rollout.hosts.program import host_status
from rollout.hosts.ssh import Connections
from rollout.processes.children import each

Running = Mapping[str, Collection[str] | None]
"""By host, the companies that its service is set to run; None where that could not be asked."""


@dataclass(frozen=True)
class Move:
    """A company declared on one host that still runs on another."""

    company: str
    source: str
    target: str


def ask_hosts(environment: Environment, shown: Progress) -> Running:
    """Ask every service host what it runs; nothing where there is only one."""
    services = environment.in_group(SERVICE)
    if len(services) < 2:
        return {}

    def ask(host: Host) -> tuple[str, Collection[str] | None]:
        progress = shown.of(host.name)
        progress.detail("asking which companies it runs")
        found = companies_on(host)
        progress.ended()
        return host.name, found

    return dict(each(services, ask, AT_ONCE))


def not_asked(environment: Environment) -> Running:
    """What is known before any service host was asked; nothing where there is only one."""
    services = environment.in_group(SERVICE)
    return dict.fromkeys((host.name for host in services), None) if len(services) > 1 else {}


def companies_on(host: Host) -> Collection[str] | None:
    """The companies that a host's service is set to run; None if it can't be asked."""
    with Connections() as connections:
        try:
            found = host_status(connections, host).get("companies")
        except OperatorError:
            return None
    return None if found is None else [str(company) for company in found]


def moves_to(host: Host, running: Running) -> list[Move]:
    """The companies of a host that another host still runs."""
    return [
        Move(company, name, host.name)
        for company in host.settings.get("companies") or []
        for name, found in running.items()
        if name != host.name and company in (found or ())
    ]


def released(host: Host, running: Running, leaving: Collection[Move] = ()) -> list[str]:
    """The companies of a host that no other runs, as each said, or lets go of by then (``leaving``)."""
    if not others_answered(host, running):
        return []
    staying = {move.company for move in moves_to(host, running) if move not in leaving}
    return [company for company in host.settings.get("companies") or [] if company not in staying]


def others_answered(host: Host, running: Running) -> bool:
    """Whether every other service host said what it runs; true where there is no other."""
    return all(found is not None for name, found in running.items() if name != host.name)


def refusal(move: Move, environment: str) -> str:
    return (
        f"company {move.company} still runs on {move.source}: a second socket on one account makes"
        f" both fight. Roll {move.source} out first, which lets go of it:"
        f" rollout apply {environment} --host {move.source}"
    )
