"""The flags of every environment as they are declared; no host is contacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollout.environment import environment as environments
from rollout.environment.environment import AT_ONCE, SERVICE, Environment, Host
from rollout.errors import OperatorError
from rollout.processes.children import each
from rollout.secret import Secret
from rollout.settings.catalogue import catalogue, displayed, revealed

UNDECLARED = (None, frozenset[Any]())


@dataclass(frozen=True)
class Column:
    environment: str
    # NAME → value, `(value)` where it is the catalogue's default; hosts that differ named
    values: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""  # why it can't be read; empty if it can
    # NAME → what hosts get, the most usual and the others; only to be compared
    effective: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, repr=False)

    def to_json(self) -> dict[str, Any]:
        return {"environment": self.environment, "values": self.values, "failure": self.failure}


def differing(columns: Sequence[Column]) -> list[str]:
    """The flags that environments declare differently: by what a host gets, not by how it is shown."""
    names = dict.fromkeys(name for column in columns for name in column.effective)
    by_name = {name: {one.effective.get(name, UNDECLARED) for one in columns} for name in names}
    return [name for name, different in by_name.items() if len(different) > 1]


def columns(names: Sequence[str] = ()) -> list[Column]:
    """The declared flags of environments, side by side. Raises OperatorError: the catalogue has mistakes."""
    catalogue()
    return each(list(names) or environments.environment_names(), _column, AT_ONCE)


def _column(name: str) -> Column:
    try:
        return column_of(environments.load_unchecked(name))
    except OperatorError as error:
        return Column(name, failure=str(error))


def column_of(environment: Environment) -> Column:
    hosts = environment.in_group(SERVICE)
    named = dict.fromkeys(flag for host in hosts for flag in _flags(host))
    values, effective = {}, {}
    for flag in dict.fromkeys([*catalogue().flags, *named]):
        by_value: dict[Any, list[Host]] = {}
        for host in hosts:
            by_value.setdefault(_effective(_flags(host), flag), []).append(host)
        ranked = sorted(by_value, key=lambda value: -len(by_value[value]))
        effective[flag] = (*ranked[:1], frozenset(ranked[1:]))
        shown = [_shown(_flags(by_value[value][0]), flag) for value in ranked]
        names = [", ".join(host.name for host in by_value[value]) for value in ranked]
        others = [f" [{which}: {one}]" for which, one in zip(names[1:], shown[1:], strict=True)]
        values[flag] = "".join([*shown[:1], *others])
    return Column(environment.name, values, effective=effective)


def _flags(host: Host) -> Mapping[str, Any]:
    flags = host.settings.get("flags")
    return flags if isinstance(flags, Mapping) else {}


def _effective(flags: Mapping[str, Any], name: str) -> Secret | None:
    """What a host gets, as the ``.env`` spells it; of what is wrong, its type too. Never to be shown."""
    known = catalogue().flags.get(name)
    given = revealed(flags[name]) if name in flags else known.default if known else None
    if given is None:
        return None
    if known is None or known.problem(given):
        return Secret(f"{type(given).__name__} {given!r}")
    return Secret(known.spelled(given))


def _shown(flags: Mapping[str, Any], name: str) -> str:
    """A flag's value as the ``.env`` gets it; a wrong one as it stands."""
    known = catalogue().flags.get(name)
    if name not in flags:
        return f"({known.default})" if known and known.default is not None else "unset"
    given = flags[name]
    return displayed(given) if known is None or known.problem(given) else known.spelled(given)


def mistakes() -> list[str]:
    """Every mistake in the flags of every environment, each with its place."""
    catalogue()
    return [
        one
        for some in each(environments.environment_names(), _mistakes_of, AT_ONCE)
        for one in some
    ]


def _mistakes_of(name: str) -> list[str]:
    try:
        return [f"{one.place}: {one.problem}" for one in environments.flag_mistakes_of(name)]
    except OperatorError as error:
        return [str(error)]
