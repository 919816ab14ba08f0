"""Whose files lie where, and which files are nobody's, as far as an operator declared it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Layout:
    #: for a path below the directory, "." for itself, the bare id of the company whose files lie
    #: there; needed where the name is not ``company_<id>``
    companies: Mapping[str, str] = field(default_factory=dict)
    #: patterns of names (``*``, ``?``, ``[…]``) that are left out; a key's name and that of the
    #: credentials never are
    litter: Sequence[str] = ()

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
