"""The flags of every environment as they are declared; no host is contacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollout import flags_yaml
from rollout.errors import OperatorError
from rollout.flag_catalogue import catalogue, displayed, flag_mistakes
from rollout.flags_files import FLAGS, OVERRIDES, ROOT
from rollout.inventory import SERVICE, Environment, Host, environment_names, load_unchecked
from rollout.parallel import each
from rollout.variable_folders import flags_file

AT_ONCE = 4


@dataclass(frozen=True)
class Column:
    """One environment's declared flags.

    Args:
        environment: its name.
        values: NAME → value, `(value)` where it is the catalogue's default; hosts that differ named.
        failure: why it can't be read; empty if it can.
    """

    environment: str
    values: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""


def columns(names: Sequence[str] = ()) -> list[Column]:
    """The declared flags of environments, side by side.

    Args:
        names: which; all of them if empty.

    Raises:
        OperatorError: the catalogue has mistakes.
    """
    catalogue()
    return each(list(names) or environment_names(), _column, AT_ONCE)


def _column(name: str) -> Column:
    try:
        return Column(name, _values(load_unchecked(name)))
    except OperatorError as error:
        return Column(name, failure=str(error))


def _values(environment: Environment) -> dict[str, str]:
    hosts = environment.in_group(SERVICE)
    found = {}
    named = dict.fromkeys(flag for host in hosts for flag in _flags(host))
    for flag in dict.fromkeys([*catalogue().flags, *named]):
        by_value: dict[str, list[str]] = {}
        for host in hosts:
            by_value.setdefault(_shown(_flags(host), flag), []).append(host.name)
        usual = max(by_value, key=lambda value: len(by_value[value]), default="")
        others = [f"{', '.join(on)}: {value}" for value, on in by_value.items() if value != usual]
        found[flag] = usual + "".join(f" [{other}]" for other in others)
    return found


def _flags(host: Host) -> Mapping[str, Any]:
    flags = host.settings.get("flags")
    return flags if isinstance(flags, Mapping) else {}


def _shown(flags: Mapping[str, Any], name: str) -> str:
    """A flag's value as the ``.env`` gets it; a wrong one as it stands."""
    known = catalogue().flags.get(name)
    if name not in flags:
        default = known.default if known else None
        return "unset" if default is None else f"({default})"
    given = flags[name]
    if known is None or known.problem(given):
        return displayed(given)
    return known.spelled(given)


def plain_value(shown: str) -> str:
    """A column's value without the mark of a default: the default and the same value are one."""
    return shown.replace("(", "").replace(")", "")


def mistakes(names: Sequence[str] = ()) -> list[str]:
    """Every mistake in the flags of environments, each with its environment and place.

    Args:
        names: which; all of them if empty.

    Raises:
        OperatorError: the catalogue has mistakes.
    """
    catalogue()
    found = each(list(names) or environment_names(), _mistakes_of, AT_ONCE)
    return [one for some in found for one in some]


def _mistakes_of(name: str) -> list[str]:
    try:
        hosts = load_unchecked(name).in_group(SERVICE)
        in_files = [
            entry
            for path, variable in _files(name, hosts)
            for entry in _entries(path, variable).items()
        ]
    except OperatorError as error:
        return [str(error)]
    places = dict(reversed(in_files))
    found: dict[str, None] = {}
    for host in hosts:
        for mistake in flag_mistakes(_flags(host)):
            words = mistake.split()
            place = places.get(words[1] if words[0] == "flag" else "", name)
            found[f"{place}: {mistake}"] = None
    return list(found)


def _files(environment: str, hosts: Sequence[Host]) -> list[tuple[Path, str]]:
    """Where flags are declared: the host's own first, because it wins."""
    own = [(ROOT / "host_vars" / host.name / "flags.yml", OVERRIDES) for host in hosts]
    return [*own, (flags_file(environment), FLAGS)]


def _entries(path: Path, variable: str) -> dict[str, str]:
    """Flag → ``file:line``."""
    if not path.exists():
        return {}
    file = str(path.relative_to(ROOT))
    found = flags_yaml.entries(path.read_text(), variable, file)
    return {name: f"{file}:{entry.line}" for name, entry in found.items()}
