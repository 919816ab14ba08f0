"""What an environment's settings may be: every variable of every role, and what is none of any role. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import yaml

from rollout.checkout import ROOT
from rollout.errors import Mistake, nearest
from rollout.settings import where
from rollout.settings.catalogue import FLAG_REMEDY, catalogue
from rollout.settings.rules import HostLike, Mistaken, across_hosts, between_settings
from rollout.settings.types import problems
from rollout.settings.where import Places, variable_of

PLACEHOLDER = "FILL IN"
# Roles of hosts that carry PostgreSQL; every other role belongs to service hosts.
ROLES_OF_GROUP = {
    "database": ("database", "schema"),
    "service": ("host", "schema", "release", "flags", "service", "sessions"),
}
# RFC 5737 and RFC 2606: reserved for documentation. TEST-NET-2 is the lab's own.
EXAMPLE_NETWORKS = ("192.0.2.", "203.0.113.")
EXAMPLE_DOMAINS = (".example.net", ".example.com", ".example.org")
FOREIGN_PREFIXES = ("ansible_", "vault_", "lab_")
PORT: dict[str, Any] = {"type": "whole number", "minimum": 1, "maximum": 65535}
# What the project itself takes from Ansible's connection variables, typed as a role's variables are.
CONNECTION: dict[str, dict[str, Any]] = {
    "ansible_host": {"type": "host address", "help": "Address or name that SSH connects to."},
    "ansible_user": {"type": "login name", "help": "The user that logs in, with sudo."},
    "ansible_port": PORT | {"help": "The port of the host's SSH server."},
    "ansible_ssh_private_key_file": {"type": "file here", "help": "The private key that logs in."},
    "ansible_ssh_common_args": {"type": "ssh options", "help": "Options for ssh, as in a shell."},
}


@cache
def variables_of_role(role: str) -> dict[str, dict[str, Any]]:
    """The variables of a role as its ``defaults.yml`` describes them: name → type, default, help."""
    return dict(yaml.safe_load((ROOT / "roles" / role / "defaults.yml").read_text()))


@cache
def known_variables() -> dict[str, dict[str, Any]]:
    roles = sorted(path.parent.name for path in (ROOT / "roles").glob("*/defaults.yml"))
    return {name: spec for role in roles for name, spec in variables_of_role(role).items()}


def mistakes_in(
    hosts: Sequence[HostLike], places: Places, broken: Mapping[str, Mapping[str, str]] | None = None
) -> list[Mistake]:
    """Every mistake in an environment's settings; ``broken``: host → what could not be templated, and why."""
    found: dict[Mistake, None] = {}
    for host in hosts:
        unreadable = (broken or {}).get(host.name, {})
        for name, reason in unreadable.items():
            vault = f"put it into {places.folder}vault.yml (ansible-vault edit)"
            remedy = vault if "vault_" in reason else "mend the expression, or what it refers to"
            problem = f"{name} can't be worked out: {reason}"
            found[Mistake(places.of(host.name, name), problem, remedy)] = None
        for setting, problem, remedy in host_mistakes(host):
            if variable_of(setting) not in unreadable:
                found[Mistake(places.of(host.name, setting), problem, remedy)] = None
    groups = {host.name: host.groups for host in hosts}
    found |= dict.fromkeys(where.mistakes_of_files(places.environment, groups))
    for name, setting, problem, remedy in across_hosts(hosts):
        place = places.of(name, setting) if name else places.inventory
        found[Mistake(place, problem, remedy)] = None
    return list(found)


def host_mistakes(host: HostLike) -> Iterator[Mistaken]:
    """(setting, what is wrong with it, remedy) for one host."""
    roles = [role for group in host.groups for role in ROLES_OF_GROUP.get(group, ())]
    if not roles:
        yield host.name, f"{host.name} is in no group", "put it under `service` or `database`"
    needed = {name for role in roles for name in variables_of_role(role)}
    for name, spec in {**known_variables(), **CONNECTION}.items():
        if name in host.settings:
            yield from value_mistakes(name, spec, host.settings[name])
        elif name in needed:
            yield name, f"{name} is missing", spec["help"]
    yield from example_addresses(host)
    yield from unknown_variables(host)
    if "service" in host.groups:
        yield from declared_flags(host)
        yield from between_settings(host.settings)


def value_mistakes(name: str, spec: Mapping[str, Any], value: Any) -> Iterator[Mistaken]:
    if PLACEHOLDER in str(value):
        yield name, f"{name} still says “{PLACEHOLDER}”", spec["help"]
        return
    for place, problem in problems(value, spec):
        yield f"{name}{place}", f"{name} {problem}", spec["help"]


def unknown_variables(host: HostLike) -> Iterator[Mistaken]:
    """Variables that no role has: mistyped, or left over."""
    known = known_variables()
    for name in sorted(set(host.settings) - set(known) - set(CONNECTION)):
        if name.startswith(FOREIGN_PREFIXES):
            # 0.8: Ansible's older names, such as ansible_ssh_host, are no others to it.
            if nearest(name, CONNECTION, cutoff=0.8):
                yield name, f"{name} is unknown", remedy_for(name, CONNECTION)
        else:
            yield name, f"{name} is not a variable of any role", remedy_for(name, known)


def remedy_for(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f"did you mean {close}?" if close else "remove it"


def declared_flags(host: HostLike) -> Iterator[Mistaken]:
    flags = host.settings.get("flags")
    if not isinstance(flags, Mapping):
        return
    overridden = host.settings.get("flag_overrides") or {}
    for name, problem in catalogue().mistakes(flags):
        source = "flag_overrides" if name in overridden else "flags"
        yield f"{source}.{name}" if name else source, problem, FLAG_REMEDY


def flag_mistakes_in(hosts: Sequence[HostLike], places: Places) -> list[Mistake]:
    """Those of the declared flags alone."""
    found = (
        Mistake(places.of(host.name, setting), problem, remedy)
        for host in hosts
        for setting, problem, remedy in declared_flags(host)
    )
    return list(dict.fromkeys(found))


def example_addresses(host: HostLike) -> Iterator[Mistaken]:
    """Addresses of the examples, which nobody's server has; the lab's network is another one."""
    for name in ("ansible_host", "database_host"):
        value = str(host.settings.get(name, ""))
        if value.startswith(EXAMPLE_NETWORKS) or value.endswith(EXAMPLE_DOMAINS):
            yield name, f"{name} is still the example's {value}", "fill in your own"
