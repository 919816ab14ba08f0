"""What a script loads, as far as its text says: the files that it names by a relative path, and all packages.

Nothing of it is run. A path that is put together while it runs is not seen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from hostswitch.base.errors import HostError
from hostswitch.base.files import Owner, read_regular

_NAMED = re.compile(rb"(?:\brequire\s*\(|\bimport\b\s*\(?|\bfrom\b)\s*[\"'`]([^\"'`\s]+)[\"'`]")
_ENDINGS = ("", ".js", ".cjs", ".mjs", ".json", "/index.js")
_LARGEST, _MOST = 1 << 20, 2000  # of its user's making


@dataclass
class Loaded:
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    packages: set[str] = field(default_factory=set)


def loaded(script: str, within: str, owner: Owner) -> Loaded | None:
    """Of a script and of all that it loads below a directory; None: not all of it could be read."""
    found, ahead = Loaded(), [script]
    while ahead:
        path = ahead.pop()
        if path in found.files:
            continue
        try:
            content = read_regular(path, _LARGEST, owner)
        except HostError:
            return None
        if content is None or len(found.files) == _MOST:
            return None
        found.files[path] = content
        for name in _names(content):
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
