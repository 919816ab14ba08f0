"""Flags as people read them: 80 columns, differences marked, secrets masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from rollout.cli.render import seconds_text
from rollout.console import table
from rollout.flags.drift import HostFlags
from rollout.flags.edit import Toggle
from rollout.flags.history import Change
from rollout.flags.toggle import ALREADY, DONE, HostToggle, ToggleOutcome
from rollout.flags.values import Column, differing
from rollout.settings.catalogue import catalogue

NOTHING = "-"


def render_columns(console: Console, columns: Sequence[Column]) -> None:
    """The catalogue with every environment's values; `*` where they differ."""
    readable = [column for column in columns if not column.failure]
    names = dict.fromkeys(name for column in readable for name in column.values)
    differ = differing(readable)
    rows = [
        ["*" if name in differ else "", name]
        + [column.values.get(name, NOTHING) for column in readable]
        for name in names or catalogue().flags
    ]
    console.print(table(rows, ["", "flag", *(column.environment for column in readable)]))
    for column in columns:
        if column.failure:
            console.print(f"! {column.environment}: {column.failure}")
    console.print("\n* differs between environments; (value) is the catalogue's default")
    for flag in catalogue().flags.values():
        console.print(f"{flag.name}  {flag.type}, changes {flag.changes}, owner {flag.owner}")
        console.print(f"  {flag.help}")


def render_mistakes(console: Console, found: Sequence[str]) -> None:
    for number, one in enumerate(found, 1):
        console.print(f"{number}. {one}")
    if not found:
        console.print("No mistakes.")


def render_differences(
    console: Console, first: str, second: str, found: Mapping[str, Mapping[str, str]]
) -> None:
    for name, values in found.items():
        console.print(f"{name}  {first}: {values[first]}  {second}: {values[second]}")
    if not found:
        console.print(f"{first} and {second} declare the same flags.")


def render_hosts(console: Console, environment: str, hosts: Sequence[HostFlags]) -> None:
    for host in hosts:
        console.print(host.host, style="bold")
        if host.failure:
            console.print(f"  ! {host.failure}")
            continue
        rows = [
            ["!" if row.drift else "", row.name]
            + [short(value) for value in (row.declared, row.file, row.process, row.service)]
            for row in host.rows
        ]
        console.print(table(rows, ["", "flag", "declared", "file", "process", "service"]))
        for row in host.rows:
            if row.drift:
                console.print(f"  ! {row.name}: {row.drift}")
        for problem in host.problems:
            console.print(f"  ! {problem}")
        for name, value in host.canary.items():
            console.print(f"  canary: {name}={value} on {host.host} only")
    if any(host.canary for host in hosts):
        console.print(f"Spread it: rollout flags set {environment} NAME=VALUE --reason …")
        console.print(f"End it:    rollout flags undo {environment}")
    if any(host.differs for host in hosts):
        console.print(f"\nDrift. As declared again: rollout apply {environment}")


def short(value: str | None) -> str:
    """A value in a table: one line, not too long; empty text as two quotes."""
    if value is None:
        return NOTHING
    text = value if value.isprintable() else repr(value)
    return (text if len(text) <= 40 else f"{text[:37]}…") or "''"


def render_toggle(console: Console, toggle: Toggle) -> None:
    for file in toggle.files:
        console.print(f"{file.name}:")
        for line in file.diff():
            console.print(f"  {line}")
    for change in toggle.changes():
        console.print(change_text(change["name"], change["from"], change["to"]))
    for note in toggle.notes:
        console.print(f"note: {note}")


def change_text(name: object, before: str | None, after: str | None) -> str:
    was = "unset" if before is None else short(before)
    return f"{name} {was} → {'not declared' if after is None else short(after)}"


def render_outcome(console: Console, outcome: ToggleOutcome) -> None:
    if outcome.error:
        console.print(f"\nFAILED: {outcome.error}", style="bold red")
    for host in outcome.hosts:
        console.print(f"{host.host}: {host_text(host)}")
    if outcome.files_back:
        console.print("The YAML was put back: the environment is declared as before.")
    elif outcome.error and outcome.toggle.files:
        console.print(
            "The YAML keeps the new value. Go on: the same command again."
            f" Back: rollout flags undo {outcome.environment}",
            soft_wrap=True,
        )
    if outcome.toggle.scope == "host" and outcome.succeeded:
        console.print("A canary: the other hosts are as before.")
    console.print(f"rollout id {outcome.run.rollout_id}")


def host_text(host: HostToggle) -> str:
    if host.outcome not in (DONE, ALREADY):
        return host.outcome + (f" ({host.error})" if host.error.startswith("not put back") else "")
    if host.outcome == ALREADY:
        return f"as declared already, proven in {host.seconds:.1f} s"
    without = f"of them without service {seconds_text(host.without_service)}"
    return f"done, proven in the process after {host.seconds:.1f} s; {without}"


def render_history(console: Console, changes: Sequence[Change], name: str) -> None:
    if not changes:
        console.print("No flag was changed yet.")
    for change in changes:
        console.print(
            f"{change.at[:19]}Z  {change.operator}  {change.how}"
            f"  {', '.join(change.hosts)}{' (canary)' if change.scope == 'host' else ''}"
        )
        for flag, before, after in change.changes:
            if name in ("", flag):
                console.print(f"  {change_text(flag, before, after)}")
        why = change.reason or "no reason given"
        console.print(f"  {why}  [{change.rollout_id}]")
