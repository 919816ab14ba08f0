"""Files or PostgreSQL: what the settings of a service choose, by its description. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hostswitch.description.description import NOT_KNOWN, OFF, ON, Provider, Reading, Rule
from sessionstore.judgement.activity import DATABASE, FILES, UNKNOWN


@dataclass(frozen=True)
class Choice:
    """Where sessions are kept: one of KEEPS, or UNKNOWN."""

    keeps: str
    because: str = ""
    """The settings that chose it, `NAME=value` each, or what the version has."""
    unclear: tuple[str, ...] = ()
    """The flags for which nobody knows how it reads them as they are."""


def choose(
    provider: Provider, values: Mapping[str, str], files: Collection[str] | None = None
) -> Choice:
    """What the first rule that holds says; UNKNOWN where a rule before it may hold as well.

    Args:
        files: those of :func:`files_asked` that the version has; None where nobody looked.
    """
    for rule in provider.rules:
        states = [
            *((name, _state(provider.reads[name], values.get(name)), ON) for name in rule.on),
            *((name, _state(provider.reads[name], values.get(name)), OFF) for name in rule.off),
        ]
        if any(state not in (wanted, NOT_KNOWN) for _, state, wanted in states):
            continue
        if files is not None and not _fits(rule, files):
            continue
        unclear = tuple(name for name, state, _ in states if state == NOT_KNOWN)
        if unclear or (files is None and (rule.has or rule.lacks)):
            return Choice(UNKNOWN, _shown(provider, values), unclear)
        return Choice(rule.keeps, _because(rule, values))
    return Choice(UNKNOWN, _shown(provider, values))


def not_known(provider: Provider, values: Mapping[str, str]) -> set[str]:
    """The flags of which the description does not say how a version reads them as they are."""
    reads = provider.reads.items()
    return {name for name, one in reads if _state(one, values.get(name)) == NOT_KNOWN}


def choosing(provider: Provider, store: str) -> dict[str, str]:
    """Settings with which it keeps its sessions there, by the first rule that says so."""
    rule = next(rule for rule in provider.rules if rule.keeps == store)
    reads = provider.reads
    on = {name: next(iter(reads[name].on), "") for name in rule.on}
    return {**on, **{name: next(iter(reads[name].off), "") for name in rule.off}}


def files_asked(provider: Provider) -> set[str]:
    """The files whose being there decides, relative to a version."""
    return {one for rule in provider.rules for one in (rule.has, rule.lacks) if one}


def runs_on(
    provider: Provider,
    file: Mapping[str, str] | None,
    process: Mapping[str, str] | None,
    files: Collection[str] | None = None,
) -> str:
    """What a service runs on, or would from its next start, in the session store's words.

    FILES if it is that now or then, DATABASE if it is that now and then, UNKNOWN otherwise. The process's
    environment shadows the file; None: there is no file, or no process of it is seen.
    """
    if file is None:
        return UNKNOWN
    found = {choose(provider, file, files).keeps}
    found.add(UNKNOWN if process is None else choose(provider, {**file, **process}, files).keeps)
    return FILES if FILES in found else DATABASE if found == {DATABASE} else UNKNOWN


def _state(reading: Reading, text: str | None) -> str:
    if text is None:
        return reading.unset or reading.otherwise
    return ON if text in reading.on else OFF if text in reading.off else reading.otherwise


def _fits(rule: Rule, files: Collection[str]) -> bool:
    return (rule.has is None or rule.has in files) and rule.lacks not in files


def _because(rule: Rule, values: Mapping[str, str]) -> str:
    names = [_setting(name, values) for name in (*rule.on, *rule.off)]
    has = [f"{rule.has} is there"] if rule.has else []
    return ", ".join([*names, *has, *([f"there is no {rule.lacks}"] if rule.lacks else [])])


def _shown(provider: Provider, values: Mapping[str, str]) -> str:
    return ", ".join(_setting(name, values) for name in provider.reads)


def _setting(name: str, values: Mapping[str, str]) -> str:
    return f"{name}={values[name]}" if name in values else f"{name} is unset"
