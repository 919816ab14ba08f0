"""The catalogue of feature flags: read, itself validated, and judging what an environment declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import yaml

from rollout.checkout import ROOT
from rollout.errors import OperatorError, nearest
from rollout.secret import MASK, Secret
from rollout.settings.flag_types import OPTIONS, TYPES, Flag, milliseconds
from rollout.settings.types import shown

CATALOGUE = ROOT / "roles" / "flags" / "catalogue.yml"
FLAG_REMEDY = "roles/flags/catalogue.yml says which flags and values there are"
COMMON = ("type", "default", "changes", "owner", "help")
CHANGES = ("behaviour", "data")
KINDS = ("exactly_one", "at_most_one", "never")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Rule:
    kind: str  # ``exactly_one``, ``at_most_one`` (booleans), ``never`` (values together)
    values: Mapping[str, str]  # flag name → the spelled value that counts
    message: str  # the sentence that an operator sees

    def broken_by(self, values: Mapping[str, str]) -> str:
        """What breaks it, in words; empty if nothing does."""
        hit = [name for name, value in self.values.items() if values.get(name) == value]
        if self.kind == "never":
            together = " and ".join(f"{name}={value}" for name, value in self.values.items())
            return together if len(hit) == len(self.values) else ""
        if len(hit) > 1:
            return " and ".join(hit)
        return f"none of {', '.join(self.values)}" if self.kind == "exactly_one" and not hit else ""


@dataclass(frozen=True)
class Catalogue:
    """Every flag there is, in the file's order, and the rules between them."""

    flags: Mapping[str, Flag]
    rules: tuple[Rule, ...]

    def flag(self, name: str) -> Flag:
        """A flag by its name. Raises OperatorError: there is none; the nearest one is in the text."""
        if name in self.flags:
            return self.flags[name]
        raise OperatorError(f"flag {name} {unknown(name, self.flags)}", "rollout flags")

    def spelled(self, flags: Mapping[str, Any]) -> dict[str, str]:
        """Declared values as the ``.env`` spells them; what is wrong or unknown stays as it is."""
        found = {}
        for name, given in flags.items():
            value = revealed(given)
            known = self.flags.get(name)
            wrong = known is None or known.problem(value)
            found[name] = str(value) if wrong or known is None else known.spelled(value)
        return found

    def completed(self, flags: Mapping[str, Any]) -> dict[str, Any]:
        """Valid flags, spelled for the ``.env``, with the defaults of those that are not declared."""
        defaults = {
            name: flag.default for name, flag in self.flags.items() if flag.default is not None
        }
        spelled = {
            name: Secret(text) if isinstance(flags[name], Secret) else text
            for name, text in self.spelled(flags).items()
        }
        return {**defaults, **spelled}

    def mistakes(self, flags: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Of declared flags: (name, what is wrong with it); of a rule that they break, ``("", what)``."""
        for name, given in flags.items():
            if name not in self.flags:
                yield name, f"flag {name} {unknown(name, self.flags)}"
            elif problem := self.flags[name].problem(revealed(given)):
                hidden = isinstance(given, Secret)
                yield name, f"flag {name} {problem.rpartition(', not ')[0] if hidden else problem}"
        values = {name: str(revealed(one)) for name, one in self.completed(flags).items()}
        for rule in self.rules:
            if broken := rule.broken_by(values):
                yield "", f"{broken}: {rule.message}"


def unknown(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    hint = f"did you mean {close}?" if close else "add it to roles/flags/catalogue.yml"
    return f"is not in the catalogue; {hint}"


def revealed(value: Any) -> Any:
    """A value, taken out of its mask where it is a secret."""
    return value.reveal() if isinstance(value, Secret) else value


def displayed(value: Any) -> str:
    """A value for people; a secret's is the mask, none is ``unset``."""
    return "unset" if value is None else MASK if isinstance(value, Secret) else str(value)


@cache
def catalogue() -> Catalogue:
    """The project's catalogue. Raises OperatorError: the file has mistakes; all of them are in the text."""
    return read_catalogue(CATALOGUE.read_text())


def read_catalogue(text: str) -> Catalogue:
    """A catalogue from its YAML. Raises OperatorError: it has mistakes; all of them are in the text."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        _demand_none([f"it is no YAML: {' '.join(str(error).split())}"])
        raise
    _demand_none(_shape_mistakes(data))
    specs, rules = data["flags"], data.get("rules") or []
    _demand_none(f"{name} {wrong}" for name, spec in specs.items() for wrong in _entry(name, spec))
    booleans = {meaning: tuple(map(str, said)) for meaning, said in data["booleans"].items()}
    flags = {name: _flag(name, spec, booleans) for name, spec in specs.items()}
    defaults = {name: spec["default"] for name, spec in specs.items() if "default" in spec}
    found = [
        f"{name} has a default that {problem}"
        for name, default in defaults.items()
        if (problem := flags[name].problem(default))
    ]
    found += [f"rule {number} {p}" for number, r in enumerate(rules, 1) for p in _rule(r, flags)]
    _demand_none(found)
    flags |= {
        name: replace(flags[name], default=flags[name].spelled(default))
        for name, default in defaults.items()
    }
    return Catalogue(flags, tuple(_made(rule, flags) for rule in rules))


def _demand_none(mistakes: Iterable[str]) -> None:
    if listed := "".join(f"\n  - {one}" for one in mistakes):
        raise OperatorError(
            f"roles/flags/catalogue.yml has mistakes; no host was contacted.{listed}",
            "the top of that file says what an entry may hold",
        )


def _shape_mistakes(data: Any) -> Iterator[str]:
    if not isinstance(data, dict) or not isinstance(data.get("flags"), dict) or not data["flags"]:
        yield "it must hold `flags`: NAME to description"
        return
    if unfit := set(data) - {"flags", "booleans", "rules"}:
        yield f"it holds {', '.join(sorted(map(str, unfit)))}, which is none of flags, booleans, rules"
    booleans = data.get("booleans")
    if (
        not isinstance(booleans, dict)
        or set(booleans) != {"true", "false"}
        or not all(isinstance(one, list) and one for one in booleans.values())
    ):
        yield '`booleans` must say how "true" and "false" may be written, a list each'
    elif set(map(str, booleans["true"])) & set(map(str, booleans["false"])):
        yield "`booleans` has a spelling that means both true and false"
    if not isinstance(data.get("rules") or [], list):
        yield "`rules` must be a list"


def _entry(name: Any, spec: Any) -> Iterator[str]:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield "is no name for an environment variable (letters, digits, _)"
    if not isinstance(spec, dict):
        yield "must be described: type, default, changes, owner, help"
        return
    kind = spec.get("type")
    if kind not in TYPES:
        yield f"needs a type: one of {', '.join(TYPES)}, not {shown(kind)}"
        return
    for field in sorted(set(spec) - set(COMMON) - set(OPTIONS[kind]), key=str):
        yield f"has {field}, which a flag of type {kind} does not know"
    if spec.get("changes") not in CHANGES:
        yield "must say what it `changes`: behaviour or data"
    elif spec["changes"] == "behaviour" and "default" not in spec:
        yield "needs a default (only a flag that changes data may do without)"
    for field in ("owner", "help"):
        if not isinstance(spec.get(field), str) or not spec[field].strip():
            yield f"needs {field}"
    yield from _option_mistakes(kind, spec)


def _option_mistakes(kind: str, spec: Mapping[str, Any]) -> Iterator[str]:
    for field in ("values", "schemes", "written"):
        if field in spec and (not isinstance(spec[field], list) or not spec[field]):
            yield f"{field} must be a list"
    if kind == "enumeration" and "values" not in spec:
        yield "needs values"
    written = spec.get("written")
    if isinstance(written, list) and len({str(one) for one in written}) != 2:
        yield "written must be two texts, for true and for false"
    if isinstance(written, list) and not all(isinstance(one, str) for one in written):
        yield "written must be texts: put them in quotes"
    for field in ("minimum", "maximum"):
        if field in spec:
            try:
                milliseconds(spec[field]) if kind == "duration" else int(spec[field])
            except (TypeError, ValueError):
                yield f"{field} is {shown(spec[field])}, which is no {kind}"
    try:
        re.compile(spec.get("pattern", ""))
    except (re.error, TypeError) as error:
        yield f"pattern is no regular expression: {error}"


def _flag(name: str, spec: Mapping[str, Any], booleans: Mapping[str, Sequence[str]]) -> Flag:
    said = {field: spec[field] for field in ("type", "changes", "owner", "help")}
    options = {field: spec[field] for field in OPTIONS[spec["type"]] if field in spec}
    return Flag(name, default=None, **said, options=options, booleans=booleans)


def _rule(rule: Any, flags: Mapping[str, Flag]) -> Iterator[str]:
    kinds = [kind for kind in KINDS if isinstance(rule, dict) and kind in rule]
    if len(kinds) != 1 or set(rule) - {kinds[0], "message"}:
        yield f"must be one of {', '.join(KINDS)}, and a message"
        return
    (kind,) = kinds
    if not isinstance(rule.get("message"), str) or not rule["message"].strip():
        yield "needs a message: the sentence that an operator sees"
    wanted = dict if kind == "never" else list
    if not isinstance(rule[kind], wanted) or len(rule[kind]) < 2:
        what = "NAME: value, two or more" if kind == "never" else "a list of two names or more"
        yield f"{kind} must be {what}"
        return
    for name in rule[kind]:
        flag = flags.get(name)
        if flag is None:
            yield f"names {name}, which is no flag of the catalogue"
        elif kind != "never" and flag.type != "boolean":
            yield f"names {name}, which is no boolean"
        elif kind == "never" and (problem := flag.problem(rule[kind][name])):
            yield f"{name} {problem}"


def _made(rule: Mapping[str, Any], flags: Mapping[str, Flag]) -> Rule:
    kind = next(kind for kind in KINDS if kind in rule)
    given = rule[kind] if kind == "never" else dict.fromkeys(rule[kind], True)
    values = {name: flags[name].spelled(value) for name, value in given.items()}
    return Rule(kind, values, " ".join(rule["message"].split()))
