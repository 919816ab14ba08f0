"""The environment under check: its hosts, connected once each, and what is common to all checks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from rollout.environment.environment import Environment, Host
from rollout.errors import OperatorError
from rollout.hosts.ssh import Connections
from rollout.secret import Secret

from .declared import Declared
from .target import Target


class Suite:
    """One run of the checks, of the named hosts or of all.

    Raises OperatorError: the environment has no host of that name.
    """

    def __init__(self, environment: Environment, only_hosts: Sequence[str] = ()) -> None:
        self.environment = environment
        self.hosts = tuple(map(environment.host, only_hosts)) or environment.hosts
        self._targets: dict[str, Target | OperatorError] = {}

    @cached_property
    def connections(self) -> Connections:
        """The shared SSH connections, of the process that first asks for them."""
        return Connections()

    def hosts_in(self, *groups: str) -> list[Host]:
        return [host for host in self.hosts if set(groups) & set(host.groups)]

    def target(self, host: Host) -> Target:
        """A host, connected; tried once only, so that a host that is down costs one time-out."""
        if host.name not in self._targets:
            try:
                declared = Declared(self.environment, host)
                self._targets[host.name] = Target(declared, self.connections)
            except OperatorError as error:
                self._targets[host.name] = error
        known = self._targets[host.name]
        if isinstance(known, OperatorError):
            raise known
        return known

    def known_target(self, name: str) -> Target | None:
        """A host that was connected before, or None."""
        known = self._targets.get(name)
        return known if isinstance(known, Target) else None

    @property
    def secrets(self) -> list[str]:
        """Every secret of the environment, longest first."""
        settings = [host.settings for host in self.environment.hosts]
        return sorted(set(_secrets_in(settings)), key=len, reverse=True)

    @property
    def commands(self) -> int:
        return self.connections.commands + sum(one.shell.commands for one in self._connected)

    def command_ms(self) -> float | None:
        """What a remote command costs now, in milliseconds: the dearest host; None without a host."""
        costs = []
        for one in self._connected:
            # A host that went away has failed its checks already.
            with suppress(OperatorError):
                costs.append(one.shell.cost_ms())
        return round(max(costs), 2) if costs else None

    @property
    def _connected(self) -> list[Target]:
        return [one for one in self._targets.values() if isinstance(one, Target)]

    def close(self) -> None:
        for target in self._connected:
            target.close()
        self.connections.close()


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, Secret) and value:
        yield value.reveal()
    elif isinstance(value, Mapping):
        yield from _secrets_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets_in(item)
