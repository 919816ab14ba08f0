"""What a script loads, as far as its text says: the files that it names by a relative path, and all packages.

Nothing of it is run. Where a path is put together while it runs, or leads through a name of its own
making (`#pool`, `@/pool`), what it loads is not known.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from hostswitch.base.errors import HostError
from hostswitch.base.files import Owner, read_regular

_NAMED = re.compile(rb"(?:\brequire\s*\(|\bimport\b\s*\(?|\bfrom\b)\s*[\"'`]([^\"'`\s]+)[\"'`]")
_UNSEEN = re.compile(
    rb"\b(?:require|import)\s{0,9}\(\s{0,99}"
    rb"(?:[^\"'`\s)]|[^)\n]{0,200}\$\{|[\"'`][^\"'`\n]{0,200}[\"'`]\s{0,9}[+.])"
)
"""What it looks through is bounded: the file is its user's, and read by root."""
_ALIAS = ("#", "/", "@/", "~")
_ENDINGS = ("", ".js", ".cjs", ".mjs", ".json", "/index.js")
_LARGEST, _MOST, _ALTOGETHER = 1 << 20, 2000, 32 << 20  # of its user's making


@dataclass
class Loaded:
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    packages: set[str] = field(default_factory=set)


def loaded(script: str, within: str, owner: Owner) -> Loaded | None:
    """Of a script and of all that it loads below a directory; None: not all of it could be read."""
    found, ahead, left = Loaded(), [script], _ALTOGETHER
    while ahead:
        path = ahead.pop()
        if path in found.files:
            continue
        try:
            content = read_regular(path, _LARGEST, owner)
        except HostError:
            return None
        if content is None or len(found.files) == _MOST or (left := left - len(content)) < 0:
            return None
        if _UNSEEN.search(content) and not path.endswith(".json"):
            return None
        found.files[path] = content
        for name in _names(content):
            if name.startswith(_ALIAS):
                return None
            if not name.startswith("."):
                found.packages.add(name)
            elif (other := _file(os.path.dirname(path), name)) and other.startswith(f"{within}/"):
                ahead.append(other)
    return found


def _names(content: bytes) -> Iterator[str]:
    for one in _NAMED.findall(content):
        if b"\0" not in one:
            yield os.fsdecode(one)


def _file(directory: str, name: str) -> str | None:
    path = os.path.normpath(os.path.join(directory, name))
    return next((path + end for end in _ENDINGS if os.path.isfile(path + end)), None)
