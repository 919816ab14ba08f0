"""What a scan meets that is not as it should be, as problems in words."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sessionstore.disk.opening import kind_of_mode
from sessionstore.errors import BadFile, cause_of
from sessionstore.keys.credentials import credentials_of
from sessionstore.keys.names import CREDENTIALS, CREDENTIALS_CACHE, decode
from sessionstore.scan.layout import MAC_DIRECTORY, Layout, litter
from sessionstore.scan.result import PROBLEMS, Problem
from sessionstore.scan.session_file import read_session_file
from sessionstore.scan.table import ARTEFACT, KEY, ONLY_COPY, UNKNOWN


def of_name(name: str, kind: str, path: str, layout: Layout) -> Iterator[Problem]:
    where = below(path, name)
    if litter(name) or layout.leaves_out(name):
        yield of_litter(name, where, layout, blocks=kind == UNKNOWN)
    elif kind == UNKNOWN:
        yield Problem("unknown file", where, PROBLEMS["unknown file"])
    if name == CREDENTIALS_CACHE:
        yield Problem("credentials cache", where, PROBLEMS["credentials cache"], blocks=False)


def of_litter(name: str, where: str, layout: Layout, *, blocks: bool) -> Problem:
    """Report what a copy by another system left, which ``blocks`` unless it was declared."""
    if layout.leaves_out(name):
        return Problem("litter", where, "left out, as declared", blocks=False)
    way_on = f'; left out by "litter": ["{name}"]' if blocks else ""
    return Problem("litter", where, f"{litter(name)}{way_on}", blocks)


def of_only_copy(fd: int, name: str, original: str, path: str) -> Problem:
    """Report a copy of a key that is missing or torn: which is whole, and what the library would read."""
    try:
        reading = read_session_file(fd, name)
        if original == CREDENTIALS:
            credentials_of(reading.value)
    except BadFile as trouble:
        detail = f"{original} is missing or torn, and this copy is not whole ({trouble.kind})"
        return Problem("only copy", below(path, name), detail)
    # Releases to come rename X.json to X.json.bak before they rename X.json.tmp to X.json.
    newest = "the newest Baileys reads it instead, all others"
    reads = newest if name.endswith(".bak") else "Baileys"
    detail = f"{original} is missing or torn, this copy is whole; {reads} read the key as missing"
    return Problem("only copy", below(path, name), detail)


def of_value(kind: str, name: str, canonical: str, path: str) -> Iterator[Problem]:
    """Report what Baileys can't use as such a KEY, by its canonical form: parsing costs as much again."""
    form = canonical[0]
    if kind != KEY or (form in "[{" and len(canonical) > 2):
        return
    key_type, key_id = decode(name) or ("", "")
    if key_type == "lid-mapping":
        usable = form == '"' and canonical != '""'
    else:
        may_be_empty = key_type in ("device-list", "sender-key-memory") or key_id == "__index"
        usable = may_be_empty and form in "[{"
    if not usable:
        what = {"{": "{}", "[": "[]", '"': "a text", "n": "null"}.get(form, "a number or boolean")
        detail = f"{what} is no {key_type} that Baileys can use"
        yield Problem("no key", below(path, name), detail, blocks=False)


def unlistable(path: str, error: OSError) -> Problem:
    return Problem("unreadable", path or ".", cause_of(error))


def kind_of(entry: os.DirEntry[str]) -> str:
    """Name what is neither a regular file nor a directory: "symlink", "socket"."""
    try:
        return kind_of_mode(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return "gone again"


_TORN = ("empty", "truncated", "trailing garbage", "not JSON", "not UTF-8")
_TORN_CREDENTIALS = (
    "creds.json is not whole: copy a whole one over it (cp -p creds.json.bak creds.json, or from a"
    " backup of the same day), or pair the company anew; start nothing before that"
)
_TORN_KEY = (
    "A key's file that is empty or torn is lost already, Baileys reads it as missing: put a copy of"
    " the same day in its place; without one move it away, and the contact sends again"
)
_BY_KIND = {
    "only copy": "Copy a whole copy over its original (cp -p X.json.bak X.json); move one away that"
    " is not whole, or whose key was deleted on purpose",
    "unknown file": 'Find out what wrote it; move it away, or leave it out: "litter": [NAME]',
    "litter": 'Leave it out: "litter": [NAME]',
    "unexpected place": 'Say whose files they are: "companies": {"DIRECTORY": "ID"}',
    "pairing twice": "Find out under which id the service runs, and move the other's files away",
    "company twice": "Find out which of them the service uses, and move the other away",
}


def remedy_of(problems: Collection[Problem]) -> str:
    found = []
    torn = [one for one in problems if one.kind in _TORN]
    if any(os.path.basename(one.where) == CREDENTIALS for one in torn):
        found.append(_TORN_CREDENTIALS)
    if any(os.path.basename(one.where) != CREDENTIALS for one in torn):
        found.append(_TORN_KEY)
    kinds = {one.kind for one in problems}
    found += [remedy for kind, remedy in _BY_KIND.items() if kind in kinds]
    found = found or ["Mend them, or move what does not belong there, then run again"]
    return ". ".join(found) + "."


def of_trouble(trouble: BadFile, where: str, kind: str) -> Problem:
    # An artefact is never read by Baileys, so what it holds can't block an import.
    unheld = trouble.kind in ("not a regular file", "unreadable", "holes")
    return Problem(trouble.kind, where, trouble.detail, unheld or kind not in (ARTEFACT, ONLY_COPY))


def below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


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
        return layout.company_of(os.path.basename(self.path) or own_name)

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
            detail = "inside a company's directory" if self.inside else self._misplaced(layout)
            yield Problem("unknown directory", self.path, detail)
        if (self.sessions or not nameless) and (self.depth > 1 or nameless):
            yield Problem("unexpected place", self.path, self._misplaced(layout))

    @property
    def _is_litter(self) -> bool:
        return not self.sessions and MAC_DIRECTORY in self.path.split("/")

    def _misplaced(self, layout: Layout) -> str:
        # Whose files they are is not guessed: two spellings of one company could lie side by side.
        told = f'"companies": {{"{self.path}": "ID"}}'
        return f"not {layout.expected} at the top; whose files they are, {told} says"
