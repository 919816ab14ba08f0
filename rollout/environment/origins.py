"""The file and line in which each variable stands, from the tags that ansible-core 2.19 puts on values.

For ``rollout/environment/reader.py``. ``Origin`` is not a public name of ansible-core; it is used here
alone, and ``tests/unit/rollout/test_settings_files.py`` holds it to what we need.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollout.checkout import ROOT


def keep_the_last_key() -> None:
    """Have Ansible's merges keep the key object of the definition that wins; before it is imported.

    Only texts, numbers, lists and mappings carry their origin; ``true`` and ``null`` do not, so the key
    beside them must. Ansible's own merge keeps the first definition's key with the last one's value.
    """
    from ansible.utils import vars as ansible_vars

    def combine(first: dict[str, Any], second: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**{key: value for key, value in first.items() if key not in second}, **second}

    ansible_vars.combine_vars = combine


def places_of(variables: Mapping[str, Any]) -> dict[str, str]:
    """Where a host's variables, not templated, and what is inside them are set.

    Returns ``name``, ``name.key`` and ``name[0]`` → ``file:line``, the file as seen from the project; of
    an encrypted file, the line of its plain text (``ansible-vault edit`` shows it).
    """
    found: dict[str, str] = {}
    for name, value in variables.items():
        _note(found, str(name), name, value)
    return found


def _note(found: dict[str, str], path: str, key: Any, value: Any) -> None:
    place = place_of(key) or place_of(value)
    if place:
        found[path] = place
    if isinstance(value, Mapping):
        for inner, item in value.items():
            _note(found, f"{path}.{inner}", inner, item)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _note(found, f"{path}[{number}]", None, item)


def place_of(value: Any) -> str:
    """``file:line`` of a value, or of an error's origin; empty for what has none."""
    from ansible._internal._datatag._tags import Origin

    origin = value if isinstance(value, Origin) else Origin.get_tag(value)
    if origin is None or origin.path is None or origin.line_num is None:
        return ""
    path = Path(origin.path)
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{shown}:{origin.line_num}"


def place_of_error(error: BaseException | None) -> str:
    """The first place that an error, or one that led to it, tells; Ansible wraps its own errors."""
    while error is not None:
        if place := place_of(getattr(error, "obj", None)):
            return place
        error = error.__cause__ or error.__context__
    return ""
