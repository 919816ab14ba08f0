"""What a toggle changes in the YAML files, and what each host's flags are then. No host is contacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollout.environment.environment import SERVICE, Environment, Host
from rollout.errors import Mistake, MistakesError, OperatorError
from rollout.flags import files as flags_files
from rollout.flags.files import FLAGS, OVERRIDES, FileEdit, host_file, name_of
from rollout.secret import Secret
from rollout.settings.catalogue import FLAG_REMEDY, catalogue
from rollout.settings.where import flags_file

Values = Mapping[str, str | None]
"""NAME → a value as the ``.env`` spells it; None for no declaration."""


@dataclass(frozen=True)
class Toggle:
    values: Values  # the new ones
    scope: str  # ``environment``, or ``host`` for a canary
    before: Values  # what was declared there before
    files: tuple[FileEdit, ...]  # the YAML files that change; none if all is declared so already
    hosts: tuple[Host, ...]  # the hosts that it concerns, their flags as they are to be
    old_hosts: tuple[Host, ...]  # the same hosts with the flags that they had
    notes: tuple[str, ...] = ()

    def changes(self) -> list[dict[str, str | None]]:
        values = self.values.items()
        return [{"name": name, "from": self.before[name], "to": to} for name, to in values]


def parsed(environment: str, words: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE words as values for the ``.env``; only a cut-over may change data."""
    values: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            remedy = f"rollout flags set {environment} {name}=…"
            raise OperatorError(f"{word!r} is no NAME=VALUE.", remedy)
        flag = catalogue().flag(name)
        if flag.changes_data:
            raise OperatorError(
                f"flag {name} changes data: it says where the keys live, and only a cut-over, which"
                " imports and proves every key first, may switch it. No host was contacted.",
                f"edit {name_of(flags_file(environment))}, then: rollout plan {environment},"
                f" rollout apply {environment}",
            )
        if name in values:
            raise OperatorError(f"flag {name} is given twice.", "give it once")
        if problem := flag.problem(value):
            raise OperatorError(f"flag {name} {problem}; no host was contacted.", "rollout flags")
        values[name] = flag.spelled(value)
    return values


def decided(environment: Environment, values: Values, host: str | None) -> Toggle:
    """What a toggle does to the files and to all hosts, or the one of a canary; it breaks no rule."""
    old = services(environment, host)
    toggle = (_everywhere if host is None else _canary)(environment, values, old)
    place = ", ".join(edit.name for edit in toggle.files) or environment.name
    mistakes = dict.fromkeys(
        Mistake(place, problem, FLAG_REMEDY)
        for one in toggle.hosts
        for _, problem in catalogue().mistakes(one.settings["flags"])
    )
    if mistakes:
        raise MistakesError(environment.name, list(mistakes))
    return toggle


def services(environment: Environment, host: str | None) -> tuple[Host, ...]:
    """The service hosts that a toggle concerns, in rollout order: all, or the named one."""
    if host is not None and SERVICE not in environment.host(host).groups:
        remedy = f"rollout flags show {environment.name}"
        raise OperatorError(f"{host} does not run the service.", remedy)
    named = [one for one in environment.in_rollout_order() if host in (None, one.name)]
    return tuple(one for one in named if SERVICE in one.groups)


def _everywhere(environment: Environment, values: Values, old: tuple[Host, ...]) -> Toggle:
    path = flags_file(environment.name)
    before = flags_files.declared(path, FLAGS)
    if not before:
        raise OperatorError(f"{name_of(path)} does not declare `flags`.", "declare the flags there")
    files = [flags_files.edit(path, FLAGS, _different(before, values))]
    notes, new = [], []
    for one in old:
        own = _own(one)
        ended = [name for name, value in values.items() if name in own and own[name] == value]
        kept = [name for name in values if name in own and name not in ended]
        if ended:
            files.append(flags_files.edit(host_file(one.name), OVERRIDES, dict.fromkeys(ended)))
        for name in kept:
            command = f"rollout flags set {environment.name} {name}=… --host {one.name}"
            notes.append(f"{one.name} keeps its own {name}={own[name]}: {command}")
        new.append(_with(one, {n: v for n, v in values.items() if n not in kept}))
    return Toggle(
        values=dict(values),
        scope="environment",
        before={name: before.get(name) for name in values},
        files=_changed(files),
        hosts=tuple(new),
        old_hosts=old,
        notes=tuple(notes),
    )


def _canary(environment: Environment, values: Values, old: tuple[Host, ...]) -> Toggle:
    (one,) = old
    path = host_file(one.name)
    usual = catalogue().completed(flags_files.declared(flags_file(environment.name), FLAGS))
    before = _own(one)
    # Ansible replaces a group's mapping by the host's: what the group says is taken along.
    along = {} if flags_files.declared(path, OVERRIDES) else before
    if along and along.keys() != (one.settings.get("flag_overrides") or {}).keys():
        raise OperatorError(
            f"{one.name}'s group sets a flag from the vault in flag_overrides, which a file of the"
            " host's own would hide.",
            f"write {name_of(path)} by hand",
        )
    wanted = {name: None if value == usual.get(name) else value for name, value in values.items()}
    edit = flags_files.edit(path, OVERRIDES, {**along, **_different(before, wanted)})
    effective = {name: usual.get(name) if v is None else v for name, v in values.items()}
    return Toggle(
        values=dict(values),
        scope="host",
        before={name: before.get(name) for name in values},
        files=_changed([edit]),
        hosts=(_with(one, effective),),
        old_hosts=old,
    )


def _changed(files: Sequence[FileEdit]) -> tuple[FileEdit, ...]:
    return tuple(one for one in files if one.before != one.after)


def _with(host: Host, values: Values) -> Host:
    """A host with other flags; what is declared no more has its default."""
    flags = {**host.settings["flags"], **values}
    declared = {name: value for name, value in flags.items() if value is not None}
    return replace(host, settings={**host.settings, "flags": catalogue().completed(declared)})


def _own(host: Host) -> dict[str, str]:
    """What only this host or its group declares, spelled; without what is secret."""
    overrides: Mapping[str, Any] = host.settings.get("flag_overrides") or {}
    plain = {name: value for name, value in overrides.items() if not isinstance(value, Secret)}
    return catalogue().spelled(plain)


def _different(before: Mapping[str, str], values: Values) -> dict[str, str | None]:
    return {name: value for name, value in values.items() if before.get(name) != value}
