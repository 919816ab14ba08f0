"""The catalogue of feature flags and the rules between them; pure judgement of declared values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CATALOGUE = Path(__file__).resolve().parent.parent / "roles" / "flags" / "catalogue.yml"
BOOLEANS = ("true", "false")


@cache
def catalogue() -> dict[str, Any]:
    """``flags`` (name → type, default, meaning, owner, what it changes) and ``rules``."""
    return dict(yaml.safe_load(CATALOGUE.read_text()))


def declared_values(flags: Mapping[str, Any]) -> dict[str, str]:
    """The flags as the ``.env`` is to hold them: YAML's true and false in dotenv's spelling."""
    spelled = {True: "true", False: "false"}
    return {
        name: spelled[value] if isinstance(value, bool) else str(value)
        for name, value in flags.items()
    }


def flag_mistakes(flags: Mapping[str, Any]) -> Iterable[str]:
    """What is wrong with an environment's flags, a sentence each.

    Args:
        flags: flag name → declared value.
    """
    known = catalogue()["flags"]
    values = declared_values(flags)
    for name, value in values.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "add it to roles/flags/catalogue.yml"
            yield f"flag {name} is not in the catalogue; {hint}"
        elif problem := _value_problem(known[name], value):
            yield f"flag {name} {problem}"
    with_defaults = {name: values.get(name, spec["default"]) for name, spec in known.items()}
    for rule in catalogue()["rules"]:
        chosen = [name for name in rule["exactly_one"] if with_defaults.get(name) == "true"]
        if len(chosen) != 1:
            yield f"{' and '.join(chosen) or 'none of ' + ', '.join(rule['exactly_one'])}: {rule['message']}"


def _value_problem(spec: Mapping[str, Any], value: str) -> str:
    allowed = BOOLEANS if spec["type"] == "boolean" else spec["values"]
    return "" if value in allowed else f"must be one of {', '.join(allowed)}, not {value!r}"
