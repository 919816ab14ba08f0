"""Whose files lie where, and which files are nobody's, as far as an operator declared it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from sessionstore.keys.names import CREDENTIALS, DIRECTORY, HOLE, company_of, decode


@dataclass(frozen=True)
class Layout:
    #: for a path below the directory, "." for itself, the bare id of the company whose files lie
    #: there; needed where the name does not tell
    companies: Mapping[str, str] = field(default_factory=dict)
    #: patterns of names (``*``, ``?``, ``[…]``) that are left out; a key's name and that of the
    #: credentials never are
    litter: Sequence[str] = ()
    named: str = DIRECTORY  # how a directory is named after its company
    as_text: bool = (
        False  # whether the service keeps values as text, which takes what jsonb refuses
    )

    def company_of(self, name: str) -> str | None:
        """The company, by bare id, that a directory's name stands for."""
        return company_of(name, self.named)

    @property
    def expected(self) -> str:
        """How a directory is named, in words."""
        return self.named.replace(HOLE, "<id>")

    def company_at(self, path: str) -> str | None:
        """The company, by bare id, whose files were declared to lie at a path; "" is the directory itself."""
        return self._companies.get(posixpath.normpath(path or "."))

    def leads_on(self, path: str) -> bool:
        return any(one.startswith(f"{path}/") for one in self._companies)

    def leaves_out(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.litter)

    @property
    def _companies(self) -> dict[str, str]:
        return {posixpath.normpath(path): one for path, one in self.companies.items()}


#: Directories are called ``company_<id>``, and nothing is left out.
AS_NAMED = Layout()


#: The directory into which macOS unpacks what it alone understands.
MAC_DIRECTORY = "__MACOSX"
_WINDOWS = ("thumbs.db", "ehthumbs.db", "desktop.ini")
_is_artefact = re.compile(r"\..*|.*\.(?:tmp|bak)|.*\.backup(?:\..*)?", re.DOTALL).fullmatch
_is_store = re.compile(r"baileys_store.*\.json|.*_store(?:_multi)?\.json", re.DOTALL).fullmatch
# "name (1).json" of browsers and Windows, "name 2.json" of macOS and iCloud.
_double = re.compile(r"(.+?)(?: \(\d+\)| \d+| - Copy(?: \(\d+\))?)\.json", re.DOTALL).fullmatch
_ending = re.compile(r"\.(?:json|tmp|bak|backup)(?![0-9A-Za-z])")


def is_artefact(name: str) -> bool:
    """Tell whether a name is one that writers leave behind, and Baileys never asks for."""
    return _is_artefact(name) is not None


def litter(name: str) -> str | None:
    """What a copy by another system left, in words; None where it is none of these."""
    if name in (MAC_DIRECTORY, ".DS_Store") or name.startswith("._"):
        return "left by macOS"
    if name.lower() in _WINDOWS:
        return "left by Windows"
    if _is_store(name):
        return "by its name a store of chats, which holds no key"
    original = original_of(name) if _double(name) else None
    return f"a double of {original} by name" if original else None


def original_of(name: str) -> str | None:
    """The file of a key or of credentials that a name is a copy of: ``.pre-key-7.json.tmp``."""
    double = _double(name)
    stem = double[1] if double else _ending.split(name.lstrip("."), maxsplit=1)[0]
    original = f"{stem}.json"
    known = original == CREDENTIALS or decode(original) is not None
    return original if known and original != name else None
