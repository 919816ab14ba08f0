"""Which company's place a directory is, and what is wrong with it. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from sessionstore.keys.names import company_of
from sessionstore.scan.layout import Layout
from sessionstore.scan.leftovers import MAC_DIRECTORY
from sessionstore.scan.problems import of_litter
from sessionstore.scan.result import Problem


@dataclass(frozen=True)
class Place:
    path: str  # below the scanned directory; "" for itself
    depth: int
    inside: bool  # whether it lies in a directory of session files
    sessions: bool  # whether it holds session files

    def company(self, layout: Layout, own_name: str) -> str | None:
        """Whose files it is for, by bare id; None where neither its name nor a declaration tells."""
        declared = layout.company_at(self.path)
        if not self.path:
            declared = declared or layout.company_at(own_name)
        if declared or self._is_litter:
            return declared
        return company_of(os.path.basename(self.path) or own_name)

    def problems(self, layout: Layout, company_id: str | None) -> Iterator[Problem]:
        """Say what is wrong with it; nothing is, where it was declared."""
        if not self.path or layout.company_at(self.path):
            return
        if self._is_litter:
            if os.path.basename(self.path) == MAC_DIRECTORY:
                yield of_litter(MAC_DIRECTORY, self.path, layout, blocks=True)
            return
        nameless = company_id is None
        if nameless and (self.inside or not self.sessions) and not layout.leads_on(self.path):
            detail = "inside a company's directory" if self.inside else self._misplaced
            yield Problem("unknown directory", self.path, detail, True)
        if (self.sessions or not nameless) and (self.depth > 1 or nameless):
            yield Problem("unexpected place", self.path, self._misplaced, True)

    @property
    def _is_litter(self) -> bool:
        return not self.sessions and MAC_DIRECTORY in self.path.split("/")

    @property
    def _misplaced(self) -> str:
        # Whose files they are is not guessed: two spellings of one company could lie side by side.
        told = f'"companies": {{"{self.path}": "ID"}}'
        return f"not company_<id> at the top; whose files they are, {told} says"
