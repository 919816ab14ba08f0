"""What an .env file says, as the service's dotenv reads it: values and differences.

Values are never logged from here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hostswitch.envfile.dotenv import assignments, text_of

MASK = "***"


def parse(content: bytes) -> dict[str, str]:
    """As the npm package `dotenv` has it: a later line wins, and what is no UTF-8 is replaced."""
    return {one.name: one.value for one in assignments(text_of(content))}


def repeated(content: bytes) -> dict[str, list[int]]:
    """Names that a file sets more than once, with their lines."""
    lines: dict[str, list[int]] = {}
    for one in assignments(text_of(content)):
        lines.setdefault(one.name, []).append(one.line)
    return {name: found for name, found in lines.items() if len(found) > 1}


@dataclass(frozen=True)
class Difference:
    """Values only where they are no secret."""

    name: str
    before: str | None
    after: str | None
    secret: bool

    def __str__(self) -> str:
        if self.secret:
            return f"{self.name} (value not shown)"
        return f"{self.name}: {_shown(self.before)} -> {_shown(self.after)}"

    def as_json(self) -> dict[str, str | None]:
        if self.secret:
            return {"name": self.name, "from": MASK, "to": MASK}
        return {"name": self.name, "from": self.before, "to": self.after}


def differences(
    before: Mapping[str, str],
    after: Mapping[str, str],
    plain: Collection[str],
    never_secret: Collection[str],
) -> list[Difference]:
    """What changes between two .env files; every name but the plain ones is masked.

    Of those only what can't have been a secret before shows its old value as well: a name may leave the
    declared secrets with a new value, and the old one is perhaps in use elsewhere.
    """
    names = sorted(before.keys() | after.keys())
    return [
        Difference(
            name,
            before.get(name) if name in never_secret or name not in before else MASK,
            after.get(name),
            name not in plain,
        )
        for name in names
        if before.get(name) != after.get(name)
    ]


def shadows(environment: Mapping[str, str], declared: Mapping[str, str]) -> list[str]:
    """Declared names that a process's environment holds with another value.

    dotenv does not override what PM2 exported: that process never sees the file's (docs/facts.md section 3).
    """
    return sorted(
        name
        for name, value in declared.items()
        if name in environment and environment[name] != value
    )


def shadowing(environment: Mapping[str, str] | None, declared: Mapping[str, str]) -> list[str]:
    """The same of a process, in sentences; None: its environment can't be read."""
    if environment is None:
        return ["its environment can't be read, so it is not known whether it shadows the .env"]
    return [
        f"its environment shadows {name} of the .env" for name in shadows(environment, declared)
    ]


def _shown(value: str | None) -> str:
    return "not set" if value is None else value if value == MASK else repr(value)
