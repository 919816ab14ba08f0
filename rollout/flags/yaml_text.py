"""Edit a flag's line in a YAML file and nothing else: comments, order and spelling stay byte for byte.

ruamel.yaml says where each value stands; the text between its marks is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from rollout.errors import OperatorError

INDENT = 2
# Ansible would work these out instead of taking them as they are.
TEMPLATE = ("{{", "{%", "{#")
# Without quotes these are YAML's own, which the catalogue takes as the same texts.
BOOLEANS = ("true", "false")
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Entry:
    """One NAME: value in a mapping.

    Args:
        value: its text; None where it is no plain value (a list, a vault text, a template).
        line: where it stands, from 1.
    """

    value: str | None
    line: int


def entries(text: str, variable: str, file: str) -> dict[str, Entry]:
    """The entries of a mapping variable; empty where the file does not set it.

    Args:
        text: the YAML file.
        variable: ``flags`` or ``flag_overrides``.
        file: the file's name, for errors.

    Raises:
        OperatorError: it is no YAML, no mapping, or names something twice.
    """
    found: dict[str, Entry] = {}
    for key, value in _items(text, variable, file):
        line = key.start_mark.line + 1
        if key.value in found:
            raise OperatorError(
                f"{file}:{line}: {key.value} stands here twice (first in line "
                f"{found[key.value].line}), and only the last counts.",
                f"leave one of them: nano +{line} {file}",
            )
        found[key.value] = Entry(_plain_value(value), line)
    return found


def edited(text: str, variable: str, changes: Mapping[str, str | None], file: str) -> str:
    """The file with some flags changed.

    Args:
        text: the YAML file; empty for a new one.
        variable: the mapping variable; it is added at the end if the file does not set it.
        changes: NAME → its new value, or None to take it out.
        file: the file's name, for errors.

    Returns:
        The new text; a mapping whose last entry went is gone with its line.

    Raises:
        OperatorError: the file can't be edited without guessing; edit it by hand.
    """
    before = entries(text, variable, file)
    for name, value in changes.items():
        if name in before and before[name].value is None:
            raise _by_hand(file, before[name].line, f"{name} is no plain value")
        if value is not None and any(mark in value for mark in TEMPLATE):
            raise OperatorError(
                f"{name}: Ansible would take a value with {{{{, {{% or {{# for a template.",
                f"write it by hand into {file}: {name}: !unsafe '…'",
            )
    result = text
    for name, value in changes.items():
        if value is None:
            result = _without(result, variable, name, file)
        elif name in entries(result, variable, file):
            result = _replaced(result, variable, name, value, file)
        else:
            result = _added(result, variable, name, value, file)
    _demand_only(changes, before, entries(result, variable, file), file)
    return result


def is_empty(text: str) -> bool:
    """Whether a YAML file sets nothing at all."""
    return YAML().compose(text) is None


def _demand_only(
    changes: Mapping[str, str | None],
    before: Mapping[str, Entry],
    after: Mapping[str, Entry],
    file: str,
) -> None:
    wanted = {name: entry.value for name, entry in before.items()}
    wanted |= changes
    kept = {
        name: value for name, value in wanted.items() if name not in changes or value is not None
    }
    if kept != {name: entry.value for name, entry in after.items()}:
        raise _by_hand(file, 1, "its layout is not understood")


def _items(text: str, variable: str, file: str) -> list[tuple[Any, Any]]:
    node = _mapping(text, variable, file)
    return [] if node is None else list(node.value)


def _mapping(text: str, variable: str, file: str) -> MappingNode | None:
    """The node of the variable's mapping; None where the file does not set it."""
    found = _variable(text, variable, file)
    if found is None:
        return None
    _, value = found
    if isinstance(value, ScalarNode) and str(value.tag).endswith(":null"):
        return None
    if not isinstance(value, MappingNode):
        raise _by_hand(file, value.start_mark.line + 1, f"{variable} is no mapping NAME: value")
    return value


def _variable(text: str, variable: str, file: str) -> tuple[Any, Any] | None:
    try:
        root = YAML().compose(text)
    except YAMLError as error:
        raise OperatorError(f"{file} is no YAML: {' '.join(str(error).split())}", file) from None
    if root is None:
        return None
    if not isinstance(root, MappingNode):
        raise _by_hand(file, 1, "it holds no variables")
    found = [(key, value) for key, value in root.value if key.value == variable]
    if len(found) > 1:
        line = found[1][0].start_mark.line + 1
        raise OperatorError(f"{file}:{line}: {variable} stands twice.", f"nano +{line} {file}")
    return found[0] if found else None


def _plain_value(node: Any) -> str | None:
    plain = isinstance(node, ScalarNode) and not str(node.tag).startswith("!")
    text = str(node.value) if plain else ""
    return text if plain and not any(mark in text for mark in TEMPLATE) else None


def _replaced(text: str, variable: str, name: str, value: str, file: str) -> str:
    node = next(v for k, v in _items(text, variable, file) if k.value == name)
    start, end = int(node.start_mark.index), int(node.end_mark.index)
    if node.style in ("|", ">"):
        raise _by_hand(file, node.start_mark.line + 1, f"{name} is a text of several lines")
    blank = "" if start > 0 and text[start - 1] in " \t" else " "
    return text[:start] + blank + _spelled(value, node.style) + text[end:]


def _added(text: str, variable: str, name: str, value: str, file: str) -> str:
    line = f"{name}: {_spelled(value, _usual_style(text, variable, file))}\n"
    node = _mapping(text, variable, file)
    if node is not None and node.value:
        key, last = node.value[-1]
        if node.flow_style:
            raise _by_hand(file, key.start_mark.line + 1, f"{variable} is written in one line")
        end = _line_end(text, int(last.end_mark.index if last.value else key.end_mark.index))
        newline = "" if text[:end].endswith("\n") else "\n"
        return text[:end] + newline + " " * int(key.start_mark.column) + line + text[end:]
    given = _variable(text, variable, file)
    if given is not None:
        start = int(given[0].start_mark.index)
        end = _line_end(text, int(given[0].end_mark.index))
        return f"{text[:start]}{variable}:\n{' ' * INDENT}{line}{text[end:]}"
    newline = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{newline}{variable}:\n{' ' * INDENT}{line}"


def _without(text: str, variable: str, name: str, file: str) -> str:
    items = _items(text, variable, file)
    if name not in [key.value for key, _ in items]:
        return text
    given = _variable(text, variable, file)
    assert given is not None
    key, value = next(item for item in items if item[0].value == name)
    if given[1].flow_style:
        raise _by_hand(file, key.start_mark.line + 1, f"{variable} is written in one line")
    first = given[0] if len(items) == 1 else key
    start = text.rfind("\n", 0, first.start_mark.index) + 1
    end = _line_end(text, max(key.end_mark.index, value.end_mark.index if value.value else 0))
    return text[:start] + text[end:]


def _line_end(text: str, index: int) -> int:
    """Behind the end of the line that a position is in."""
    if index > 0 and text[index - 1] == "\n":
        return index
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _usual_style(text: str, variable: str, file: str) -> str | None:
    """A new entry is written as most others are: `"` where booleans stand in quotes."""
    styles = [value.style for _, value in _items(text, variable, file) if value.style in ("'", '"')]
    return styles[0] if styles else None


def _spelled(value: str, style: str | None) -> str:
    """A YAML scalar, in the quotes that were there if they can hold it."""
    if style is None and PLAIN.fullmatch(value) and _is_itself(value):
        return value
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, value)) + '"'


def _is_itself(value: str) -> bool:
    """Whether a text without quotes is read as that text: No, Off and Null are not (YAML 1.1)."""
    return value in BOOLEANS or yaml.safe_load(value) == value


def _escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def _by_hand(file: str, line: int, why: str) -> OperatorError:
    return OperatorError(f"{file}:{line}: {why}, so it is not edited.", f"nano +{line} {file}")
