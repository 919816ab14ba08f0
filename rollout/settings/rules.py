"""Rules between settings that are each well formed: within one host, and across hosts. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Protocol

from roles.hostprogram.plan import own_names
from rollout.secret import Secret
from rollout.settings import kinds
from rollout.settings.kinds import described

# What a rollout keeps in the application directory itself; setting it aside would stop the service.
OWN_PATHS = ("current", "releases", ".set-aside", ".env", ".env.next")


class HostLike(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


Mistaken = tuple[str, str, str]
"""A setting, what is wrong with it, and what mends it."""


def between_settings(settings: Mapping[str, Any]) -> Iterator[Mistaken]:
    """Settings of a service host that contradict each other."""
    rules = (_times, _database, kinds.mistakes, _names_in_the_env, _legacy_paths, _roots_places)
    for rule in rules:
        yield from rule(settings)
    for exported, value in _mapping(settings.get("pm2_environment")).items():
        if isinstance(value, Secret):
            place = f"pm2_environment.{exported}"
            yield (
                place,
                f"{place} comes from the vault",
                "PM2's file is for all: use service_secrets",
            )
    name = settings.get("service_app")
    if isinstance(name, str) and name in _mapping(settings.get("sibling_apps")):
        yield f"sibling_apps.{name}", f"sibling_apps names the service itself, {name}", "remove it"


def _times(settings: Mapping[str, Any]) -> Iterator[Mistaken]:
    settle, limit = settings.get("gate_settle_seconds"), settings.get("gate_limit_seconds")
    if isinstance(settle, int) and isinstance(limit, int) and settle >= limit:
        problem = f"gate_settle_seconds ({settle}) must be less than gate_limit_seconds ({limit})"
        yield "gate_settle_seconds", problem, "no start could become healthy; raise the limit"


def _database(settings: Mapping[str, Any]) -> Iterator[Mistaken]:
    owner, app = settings.get("database_owner_user"), settings.get("database_app_user")
    if owner is not None and owner == app:
        problem = f"database_app_user and database_owner_user are both {owner}"
        remedy = "give the service a role of its own, which may touch rows and no more"
        yield "database_app_user", problem, remedy
    if settings.get("database_backup") == "provider" and not settings.get("database_backup_reason"):
        problem = "database_backup_reason is empty, and database_backup is provider"
        remedy = "say which backups the provider keeps, how long, and when one was last tried"
        yield "database_backup", problem, remedy


def _names_in_the_env(settings: Mapping[str, Any]) -> Iterator[Mistaken]:
    # The .env holds these from other settings; a second source would be a second truth.
    own = own_names({"service_description": described(settings)})
    given: dict[str, str] = {}
    for source in ("flags", "service_settings", "service_secrets", "pm2_environment"):
        for name in _mapping(settings.get(source)):
            if name in own:
                problem = f"{source} sets {name}, which {own[name]} already gives"
                yield f"{source}.{name}", problem, f"set {own[name]} instead"
            elif name in given:
                problem = f"{name} is in {source} and in {given[name]}"
                yield f"{source}.{name}", problem, "leave it in one of them"
            given.setdefault(name, source)


def _legacy_paths(settings: Mapping[str, Any]) -> Iterator[Mistaken]:
    """What would be set aside, and must not be: the rollout's own things, or one inside another."""
    declared = settings.get("legacy_directories")
    entries = declared if isinstance(declared, list) else []
    paths = [str(_mapping(entry).get("path", "")) for entry in entries]
    kept = dict.fromkeys(OWN_PATHS, "the rollout's own")
    if archive := settings.get("retired_scripts_archive"):
        kept[str(archive)] = "the retired scripts"
    for number, path in enumerate(paths):
        setting = f"legacy_directories[{number}].path"
        for own, what in kept.items():
            if _overlap(path, own):
                problem = f"legacy directory {path} holds or is in {own}, {what}"
                yield setting, problem, "name the directory of session files alone"
        for other in paths[:number]:
            if _overlap(path, other) or path.replace("/", "__") == other.replace("/", "__"):
                problem = f"legacy directories {other} and {path} are one in the other"
                yield setting, problem, "leave one of them"


def _roots_places(settings: Mapping[str, Any]) -> Iterator[Mistaken]:
    """Root writes there, and the owner of what such a place lies in can put a link in the way."""
    roots = {
        "archive_directory": "name a directory of root's, such as /var/backups/baileys-rollout",
        "app_dir": "move the service to a directory that lies in one of root's, such as /opt/ai-admin",
    }
    for name, remedy in roots.items():
        for theirs in ("app_dir", "service_home"):
            place, owned = settings.get(name), settings.get(theirs)
            if name != theirs and _lies_in(place, owned):
                problem = f"{name} {place} lies in {theirs} {owned}, which the service's user owns"
                yield name, problem, remedy


def _lies_in(place: Any, owned: Any) -> bool:
    """Whether a path is another one, or lies in it; what is no path is reported elsewhere."""
    return bool(place and owned) and PurePosixPath(str(place)).is_relative_to(str(owned))


def _overlap(one: str, other: str) -> bool:
    return _lies_in(one, other) or _lies_in(other, one)


def across_hosts(hosts: Sequence[HostLike]) -> Iterator[tuple[str, *Mistaken]]:
    """What only shows when hosts are seen together; the host is empty where their list itself is wrong."""
    services = [host for host in hosts if "service" in host.groups]
    if not services:
        yield "", "", "no host is in the group `service`", "a rollout has nothing to do without one"
    yield from _schema_hosts(services)
    yield from _shared_companies(services)
    yield from _shared_addresses(hosts)


def _schema_hosts(services: Sequence[HostLike]) -> Iterator[tuple[str, *Mistaken]]:
    names = {host.name for host in services}
    chosen: dict[str, str] = {}
    for host in services:
        schema_host = str(host.settings.get("schema_host"))
        if schema_host not in names:
            problem = f"schema_host {schema_host} is no host of the group `service`"
            remedy = f"name one of: {', '.join(sorted(names))}"
            yield host.name, "schema_host", problem, remedy
        chosen.setdefault(schema_host, host.name)
    if len(chosen) > 1:
        both = " and ".join(f"{name} ({host})" for name, host in chosen.items())
        last = list(chosen.values())[-1]
        yield last, "schema_host", f"schema_host differs: {both}", "one host migrates for all"


def _shared_companies(services: Sequence[HostLike]) -> Iterator[tuple[str, *Mistaken]]:
    owners: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for host in services:
        declared = host.settings.get("companies")
        for number, company in enumerate(declared if isinstance(declared, list) else []):
            owners[str(company)].append((host.name, f"companies[{number}]"))
    for company, found in owners.items():
        names = list(dict.fromkeys(name for name, _ in found))
        if len(names) > 1:
            problem = f"company {company} is on {' and '.join(names)}"
            remedy = "leave it on one host: a second socket on one account makes both fight"
            yield *found[-1], problem, remedy


def _shared_addresses(hosts: Sequence[HostLike]) -> Iterator[tuple[str, *Mistaken]]:
    owners: dict[tuple[str, str], str] = {}
    for host in hosts:
        address = str(host.settings.get("ansible_host", host.name))
        place = (address, str(host.settings.get("ansible_port", 22)))
        if place in owners:
            problem = f"{owners[place]} and {host.name} have one address, {address}"
            yield host.name, "ansible_host", problem, "give each host its own"
        owners.setdefault(place, host.name)


def _mapping(value: Any) -> Mapping[str, Any]:
    """A mapping as it is; anything else, which is reported elsewhere, as an empty one."""
    return value if isinstance(value, Mapping) else {}
