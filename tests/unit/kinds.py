"""Descriptions of services, as tests need them."""

from __future__ import annotations

from typing import Any

from hostswitch.base.structured import structured
from hostswitch.description.description import Description
from rollout.settings.kinds import described


def raw(kind: str) -> dict[str, Any]:
    return described({"service_kind": kind})


def description(kind: str) -> Description:
    problems: list[str] = []
    found = structured(Description, raw(kind), "description", problems)
    assert not problems
    assert isinstance(found, Description)
    return found
