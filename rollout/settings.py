"""What an environment's settings may be: types from the roles' ``defaults.yml``, rules across hosts.

Pure: it judges what was loaded and returns sentences. Everything wrong comes as one list.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Protocol

import yaml

from rollout.flag_catalogue import flag_mistakes
from rollout.secret import Secret
from rollout.variable_folders import variable_folders

ROOT = Path(__file__).resolve().parent.parent
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


class HostLike(Protocol):
    """What is judged of a host."""

    @property
    def name(self) -> str: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


@cache
def variables_of_role(role: str) -> dict[str, dict[str, Any]]:
    """The variables of a role as its ``defaults.yml`` describes them: name → type, default, help."""
    return dict(yaml.safe_load((ROOT / "roles" / role / "defaults.yml").read_text()))


def mistakes_in(
    environment: str, hosts: Sequence[HostLike], broken: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """Every mistake in an environment's settings, one sentence each, without repetition.

    Args:
        environment: its name, to find the file that a setting stands in.
        hosts: its hosts with templated settings.
        broken: variables that could not be templated, with the reason.

    Returns:
        Sentences that say what is wrong, where it stands and what mends it.
    """
    found: dict[str, None] = {}
    for name, reason in broken.items():
        hint = (
            f"put it into {variable_folders(environment)[0].relative_to(ROOT)}/vault.yml"
            if "vault_" in reason
            else "mend it"
        )
        found[f"{where(environment, name)}: {name} can't be worked out: {reason}; {hint}"] = None
    for host in hosts:
        for name, problem in host_mistakes(host):
            if name in broken:
                continue
            found[f"{where(environment, name)}: {problem}"] = None
    found.update(dict.fromkeys(plaintext_vaults(environment)))
    for problem in across_hosts(hosts):
        found[f"inventory/{environment}.yml: {problem}"] = None
    return list(found)


def host_mistakes(host: HostLike) -> Iterable[tuple[str, str]]:
    """(variable, what is wrong with it) for one host."""
    roles = [role for group in host.groups for role in ROLES_OF_GROUP.get(group, ())]
    if not roles:
        yield host.name, f"{host.name} is in no group; put it under `service` or `database`"
    expected = {name: spec for role in roles for name, spec in variables_of_role(role).items()}
    for name, spec in expected.items():
        yield from ((name, problem) for problem in variable_mistakes(name, spec, host.settings))
    yield from example_addresses(host)
    if host.settings.get("database_backup") == "provider" and not str(
        host.settings.get("database_backup_reason", "")
    ):
        why = "must say which backups the provider keeps, how long, and when one was last tried"
        yield "database_backup_reason", f"database_backup_reason {why}"
    known = {
        name
        for path in (ROOT / "roles").glob("*/defaults.yml")
        for name in variables_of_role(path.parent.name)
    }
    for name in sorted(set(host.settings) - known):
        if not name.startswith(FOREIGN_PREFIXES):
            yield name, f"{name} is not a variable of any role{nearest(name, known)}"
    if "service" in host.groups and isinstance(host.settings.get("flags"), Mapping):
        yield from (("flags", problem) for problem in flag_mistakes(host.settings["flags"]))


def example_addresses(host: HostLike) -> Iterable[tuple[str, str]]:
    """Addresses of the examples, which nobody's server has; the lab's network is another one."""
    for name in ("ansible_host", "database_host"):
        value = str(host.settings.get(name, ""))
        if value.startswith(EXAMPLE_NETWORKS) or value.endswith(EXAMPLE_DOMAINS):
            yield name, f"{name} is still the example's {value}; fill in your own"


def plaintext_vaults(environment: str) -> Iterable[str]:
    """Files of an environment that define ``vault_`` variables and are not encrypted."""
    for folder in variable_folders(environment):
        for path in sorted(folder.glob("*.yml")):
            text = path.read_text(errors="replace")
            if text.startswith("$ANSIBLE_VAULT"):
                continue
            for number, line in enumerate(text.splitlines(), 1):
                if line.startswith("vault_") and "!vault" not in line:
                    where = f"{path.relative_to(ROOT)}:{number}"
                    yield f"{where}: a secret stands here in plain text; ansible-vault encrypt {path.name}"
                    break


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that was probably meant."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else "; remove it"


def variable_mistakes(name: str, spec: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with one variable's value."""
    if name not in settings:
        return [f"{name} is missing: {spec['help']}"]
    value = settings[name]
    if PLACEHOLDER in str(value):
        return [f"{name} still says “{PLACEHOLDER}”: {spec['help']}"]
    check = TYPES[spec["type"]]
    problem = check(value, spec)
    return [f"{name} {problem}"] if problem else []


def across_hosts(hosts: Sequence[HostLike]) -> Iterable[str]:
    """Mistakes that only show when hosts are seen together."""
    owners = defaultdict(list)
    services = [host for host in hosts if "service" in host.groups]
    if not services:
        yield "no host is in the group `service`; a rollout has nothing to do"
    for host in services:
        for company in host.settings.get("companies") or []:
            owners[str(company)].append(host.name)
        if host.settings.get("schema_host") not in {other.name for other in services}:
            yield f"schema_host {host.settings.get('schema_host')!r} is no host of the group `service`"
    for company, names in owners.items():
        if len(names) > 1:
            both = " and ".join(names)
            yield (
                f"company {company} is on {both}: a second socket on one account makes both fight;"
                " leave it on one host"
            )


def where(environment: str, name: str) -> str:
    """The file and line in which a variable is set, or the folder where it should be."""
    folders = variable_folders(environment)
    files = [path for folder in folders for path in sorted(folder.glob("*.yml"))]
    for path in [*files, ROOT / f"inventory/{environment}.yml"]:
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if line.strip().startswith(f"{name}:"):
                return f"{path.relative_to(ROOT)}:{number}"
    return f"{folders[0].relative_to(ROOT)}/"


Check = Callable[[Any, Mapping[str, Any]], str]


def _text(value: Any, _: Mapping[str, Any]) -> str:
    return "" if isinstance(value, str) else f"must be a text, not {value!r}"


def _name(value: Any, _: Mapping[str, Any]) -> str:
    ok = (
        isinstance(value, str)
        and value.replace("-", "").replace("_", "").replace(".", "").isalnum()
    )
    return "" if ok else f"must be a plain name (letters, digits, - _ .), not {value!r}"


def _secret(value: Any, spec: Mapping[str, Any]) -> str:
    if isinstance(value, Secret) or (value == "" and spec.get("default") == ""):
        return ""
    if value in ("", None):
        return "is empty; put it into the vault as vault_… and refer to it"
    return "stands in plain text; put it into the vault as vault_… and refer to it"


def _whole_number(value: Any, spec: Mapping[str, Any]) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        return f"must be a whole number, not {value!r}"
    if value < spec.get("minimum", value):
        return f"must be at least {spec['minimum']}, not {value}"
    return ""


def _one_of(value: Any, spec: Mapping[str, Any]) -> str:
    return "" if value in spec["values"] else f"must be one of {spec['values']}, not {value!r}"


def _absolute_path(value: Any, _: Mapping[str, Any]) -> str:
    ok = isinstance(value, str) and value.startswith("/") and ".." not in PurePosixPath(value).parts
    return "" if ok and value != "/" else f"must be an absolute path without .., not {value!r}"


def _relative_path(value: Any, _: Mapping[str, Any]) -> str:
    path = PurePosixPath(value) if isinstance(value, str) and value else PurePosixPath("/")
    outside = path.is_absolute() or ".." in path.parts or str(path) == "."
    return f"must be a path inside the application directory, not {value!r}" if outside else ""


def _company(value: Any, _: Mapping[str, Any]) -> str:
    if isinstance(value, str) and value.isdigit():
        return ""
    return f"must be the bare id, digits in quotes (directories add company_), not {value!r}"


def _recipient(value: Any, _: Mapping[str, Any]) -> str:
    ok = isinstance(value, str) and value.startswith(("age1", "ssh-")) and len(value) > len("age1")
    return "" if ok else f"must be an age public key (age1…), not {value!r}"


def _list_of(check: Check) -> Check:
    def judge(value: Any, spec: Mapping[str, Any]) -> str:
        if not isinstance(value, list):
            return f"must be a list, not {value!r}"
        if len(value) < spec.get("at least", 0):
            return "is empty"
        if len({str(item) for item in value}) < len(value):
            return "holds an entry twice"
        return next(
            (f"has an entry that {problem}" for item in value if (problem := check(item, spec))), ""
        )

    return judge


def _mapping(value: Any, _: Mapping[str, Any]) -> str:
    return "" if isinstance(value, Mapping) else f"must be a mapping NAME: value, not {value!r}"


def _mapping_of_secrets(value: Any, spec: Mapping[str, Any]) -> str:
    if problem := _mapping(value, spec):
        return problem
    plain = [name for name, item in value.items() if not isinstance(item, Secret)]
    return f"holds {plain[0]} in plain text; put it into the vault" if plain else ""


def _directory(value: Any, spec: Mapping[str, Any]) -> str:
    if not isinstance(value, Mapping) or set(value) - {"path", "kind", "acknowledge"}:
        return f"must be {{path, kind, acknowledge}}, not {value!r}"
    if problem := _relative_path(value.get("path"), spec):
        return f"path {problem}"
    if value.get("kind") not in ("live", "backup", "test"):
        return f"kind must be live, backup or test, not {value.get('kind')!r}"
    acknowledged = value.get("acknowledge") or {"reason": "none needed"}
    if not isinstance(acknowledged, Mapping):
        return f"{value['path']}: acknowledge must be {{reason, identities, companies}}"
    return "" if acknowledged.get("reason") else f"{value['path']}: acknowledge needs a reason"


TYPES: dict[str, Check] = {
    "text": _text,
    "name": _name,
    "secret": _secret,
    "whole number": _whole_number,
    "one of": _one_of,
    "absolute path": _absolute_path,
    "relative path": _relative_path,
    "list of text": _list_of(_text),
    "list of company ids": _list_of(_company),
    "list of age recipients": _list_of(_recipient),
    "list of relative paths": _list_of(_relative_path),
    "list of directories": _list_of(_directory),
    "mapping": _mapping,
    "mapping of secrets": _mapping_of_secrets,
}
