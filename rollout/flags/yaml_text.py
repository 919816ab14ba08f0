"""Edit a flag's line in a YAML file and nothing else: comments, order and spelling stay byte for byte.

PyYAML, with which Ansible reads the file, says where each value stands and spells the new one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml import MappingNode, Node, ScalarNode

from rollout.errors import OperatorError

INDENT = 2
# Ansible would work these out instead of taking them as they are.
TEMPLATE = ("{{", "{%", "{#")
# Without quotes these are YAML's own, which the catalogue takes as the same texts.
BOOLEANS = ("true", "false")


@dataclass(frozen=True)
class Entry:
    """One NAME: value in a mapping, as it stands in the file."""

    key: Node
    node: Any

    @property
    def value(self) -> str | None:
        """Its text; None where it is no plain value (a list, a vault text, a template)."""
        plain = isinstance(self.node, ScalarNode) and not self.node.tag.startswith("!")
        text = str(self.node.value) if plain else ""
        return text if plain and not any(mark in text for mark in TEMPLATE) else None

    @property
    def line(self) -> int:
        """Where it stands, from 1."""
        return int(self.key.start_mark.line) + 1

    @property
    def quotes(self) -> str | None:
        return str(self.node.style) if getattr(self.node, "style", None) in ("'", '"') else None

    @property
    def end(self) -> int:
        """Behind its last character."""
        return int((self.node if self.node.value else self.key).end_mark.index)


def entries(text: str, variable: str, file: str) -> dict[str, Entry]:
    """The entries of a mapping variable by name; empty where the file does not set it."""
    given = _variable(text, variable, file)
    if given is None or given.node.tag == "tag:yaml.org,2002:null":
        return {}
    if not isinstance(given.node, MappingNode):
        raise _by_hand(file, given.node, f"{variable} is no mapping NAME: value")
    found: dict[str, Entry] = {}
    for key, value in given.node.value:
        entry = Entry(key, value)
        if first := found.get(str(key.value)):
            raise OperatorError(
                f"{file}:{entry.line}: {key.value} stands here twice (first in line {first.line}),"
                " and only the last counts.",
                f"leave one of them: nano +{entry.line} {file}",
            )
        found[str(key.value)] = entry
    return found


def edited(text: str, variable: str, changes: Mapping[str, str | None], file: str) -> str:
    """The file with some flags changed, or taken out (None), with their mapping if they were its last.

    What can't be edited without guessing is refused: it is to be edited by hand.
    """
    before = entries(text, variable, file)
    for name, value in changes.items():
        if name in before and before[name].value is None:
            raise _by_hand(file, before[name].key, f"{name} is no plain value")
        if value is not None and any(mark in value for mark in TEMPLATE):
            raise OperatorError(
                f"{name}: Ansible would take a value with {{{{, {{% or {{# for a template.",
                f"write it by hand into {file}: {name}: !unsafe '…'",
            )
    result = text
    for name, value in changes.items():
        result = _changed(result, variable, name, value, file)
    wanted = {name: entry.value for name, entry in before.items() if name not in changes}
    wanted |= {name: value for name, value in changes.items() if value is not None}
    if wanted != {n: entry.value for n, entry in entries(result, variable, file).items()}:
        raise _by_hand(file, None, "its layout is not understood")
    return result


def is_empty(text: str) -> bool:
    """Whether a YAML file sets nothing at all."""
    return yaml.compose(text) is None


def _variable(text: str, variable: str, file: str) -> Entry | None:
    try:
        root = yaml.compose(text)
    except yaml.YAMLError as error:
        raise OperatorError(f"{file} is no YAML: {' '.join(str(error).split())}", file) from None
    if root is None:
        return None
    if not isinstance(root, MappingNode):
        raise _by_hand(file, None, "it holds no variables")
    found = [Entry(key, value) for key, value in root.value if key.value == variable]
    if len(found) > 1:
        line = found[1].line
        raise OperatorError(f"{file}:{line}: {variable} stands twice.", f"nano +{line} {file}")
    return found[0] if found else None


def _changed(text: str, variable: str, name: str, value: str | None, file: str) -> str:
    given, all_of_it = _variable(text, variable, file), entries(text, variable, file)
    old = all_of_it.get(name)
    if old and value is not None:
        return _replaced(text, old, value, file)
    if old is None and value is None:
        return text
    if given and all_of_it and given.node.flow_style:
        raise _by_hand(file, given.key, f"{variable} is written in one line")
    if given and old:
        first = given if len(all_of_it) == 1 else old
        start = text.rfind("\n", 0, first.key.start_mark.index) + 1
        return text[:start] + text[_line_end(text, old.end) :]
    quotes = next((one.quotes for one in all_of_it.values() if one.quotes), None)
    line = f"{name}: {_spelled(value or '', quotes)}\n"
    if all_of_it:
        last = list(all_of_it.values())[-1]
        end = _line_end(text, last.end)
        return _ended(text[:end]) + " " * last.key.start_mark.column + line + text[end:]
    anew = f"{variable}:\n{' ' * INDENT}{line}"
    if given is None:
        return _ended(text) + anew
    return text[: given.key.start_mark.index] + anew + text[_line_end(text, given.end) :]


def _replaced(text: str, old: Entry, value: str, file: str) -> str:
    if old.node.style in ("|", ">"):
        raise _by_hand(file, old.node, f"{old.key.value} is a text of several lines")
    start, end = old.node.start_mark.index, old.node.end_mark.index
    blank = "" if start > 0 and text[start - 1] in " \t" else " "
    return text[:start] + blank + _spelled(value, old.quotes) + text[end:]


def _ended(text: str) -> str:
    """With the end of its last line."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def _line_end(text: str, index: int) -> int:
    """Behind the end of the line that a position is in."""
    if index > 0 and text[index - 1] == "\n":
        return index
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _spelled(value: str, quotes: str | None) -> str:
    """A YAML scalar on one line, in these quotes if they can hold it."""
    if quotes is None and value in BOOLEANS:
        return value
    printable = value.isprintable()
    style = quotes if printable else '"'
    said = yaml.safe_dump(value, default_style=style, allow_unicode=printable, width=math.inf)
    return str(said).removesuffix("\n").removesuffix("\n...")


def _by_hand(file: str, node: Node | None, why: str) -> OperatorError:
    line = node.start_mark.line + 1 if node else 1
    return OperatorError(f"{file}:{line}: {why}, so it is not edited.", f"nano +{line} {file}")
