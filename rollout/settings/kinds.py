"""Kinds of services: each described in a file of roles/service/kinds, which an environment may override."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from hostswitch.base.structured import structured
from hostswitch.description.description import Description
from rollout.checkout import ROOT

KINDS = ROOT / "roles/service/kinds"
OWN = "own"
"""The kind of a service that the environment itself describes, all of it."""
DESCRIPTION = "service_description"


def kind_names() -> list[str]:
    return [*sorted(path.stem for path in KINDS.glob("*.yml")), OWN]


@cache
def _kind(name: str) -> dict[str, Any]:
    path = KINDS / f"{name}.yml"
    return dict(yaml.safe_load(path.read_text())) if name in kind_names()[:-1] else {}


def described(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a host's service: its kind's, with what the environment says otherwise."""
    own = settings.get(DESCRIPTION)
    return _merged(
        _kind(str(settings.get("service_kind"))), own if isinstance(own, Mapping) else {}
    )


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged, anything else is replaced; null takes a field away."""
    found = dict(base)
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(found.get(name), Mapping)
        found[name] = _merged(found[name], value) if both else value
    return {name: value for name, value in found.items() if value is not None}


def mistakes(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(setting, problem, remedy) for a kind that is none, and for what is wrong with a description."""
    kind = settings.get("service_kind")
    if kind not in kind_names():
        return  # its type says so
    found: list[str] = []
    structured(Description, described(settings), DESCRIPTION, found)
    place = DESCRIPTION if settings.get(DESCRIPTION) else "service_kind"
    for problem in found:
        yield place, problem, "docs/service.md has every field of a description"
