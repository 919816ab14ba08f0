"""What a scan of a directory of session files found: plain data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple

from sessionstore.disk.opening import open_beneath
from sessionstore.disk.reading import Identity, identity
from sessionstore.errors import DirectoryProblem
from sessionstore.keys.credentials import Credentials
from sessionstore.scan.layout import AS_NAMED, Layout
from sessionstore.scan.table import KEY, Counts, FileEntry, FileTable

DEEPEST_DIRECTORY = 8

#: Every kind of problem a scan reports, with what it means.
PROBLEMS: dict[str, str] = {
    "unknown file": "the name is no key that Baileys writes; it is not guessed what it is",
    "unknown directory": "a directory where none belongs",
    "unexpected place": "session files where no company's directory belongs",
    "company twice": "two directories hold files of the same company",
    "pairing twice": "two companies have the same credentials: two sockets would fight",
    "too deep": f"more than {DEEPEST_DIRECTORY} levels down; not looked into",
    "another file system": "a mount point inside the tree; not looked into",
    "not a regular file": "a symlink, FIFO, socket or device; never followed or opened",
    "hard link": "the file has further names elsewhere",
    "name not UTF-8": "no program of this service writes such names",
    "unreadable": "it can't be opened or read",
    "changed while read": "somebody is writing to it",
    "too large": "no key is that big",
    "holes": "far larger than what it takes on the disk: a copy of it might fill that",
    "litter": "left by a copy from another system; it can be declared as litter",
    "only copy": "a copy of a key whose own file is missing or torn: it may be all there is of it",
    "no key": "a value that Baileys can't use as such a key; it is kept as it is",
    "credentials cache": "it may hold a copy of the credentials; no key, never imported",
    "no credentials": "keys without a creds.json",
    "empty": "a file without content: a write was cut off",
    "truncated": "the JSON ends too early: a write was cut off",
    "trailing garbage": "something follows the JSON value",
    "not JSON": "Baileys would read it as missing",
    "not UTF-8": "Baileys would read other characters than those written",
    "byte order mark": "Baileys would read it as missing",
    "duplicate key": "one JSON object holds a name twice; one of them would be lost",
    "nested too deep": "no key is nested like that",
    "number too long": "a number beyond what can be kept",
    "number too precise": "a number that Node.js would round",
    "not storable": "jsonb can't hold it",
    "not registered": "creds.json lacks me.id: Baileys would take it for a new identity",
    "not credentials": "creds.json lacks what credentials must have",
}


class Problem(NamedTuple):
    kind: str  # a key of :data:`PROBLEMS`
    where: str  # path below the scanned directory
    detail: str = ""  # more, without any part of a file's content
    blocks: bool = True  # whether nothing may be imported while it lasts

    @property
    def sentence(self) -> str:
        return f"{self.where}: {self.kind}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class CompanyScan:
    #: the bare id; None where neither the directory's name nor the caller tells it
    company_id: str | None
    directory: str  # path below the scanned directory; "." for a flat one
    identity: Identity  # device and inode of the directory
    counts: Counts  # of every regular file in it
    files: FileTable  # each of them; none where contents were not read
    #: identity and clocks; None where creds.json is missing, bad or unread
    credentials: Credentials | None
    problems: tuple[Problem, ...]  # all that concerns this directory

    def path_of(self, entry: FileEntry) -> str:
        """Below the scanned directory."""
        return entry.name if self.directory == "." else f"{self.directory}/{entry.name}"

    @property
    def keys(self) -> int:
        return self.counts.by_kind[KEY]

    @property
    def blocking(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.blocks)


@dataclass
class DirectoryScan(AbstractContextManager["DirectoryScan"]):
    """A whole directory tree of session files. Close it, or use it in ``with``."""

    fd: int  # descriptor of the scanned directory; it stays valid when that is renamed
    label: str  # how to call the directory in messages
    #: whether files were read, or only listed, and of each company the credentials read
    contents: bool
    companies: tuple[CompanyScan, ...]  # every directory in it that holds session files
    others: tuple[FileEntry, ...]  # regular files outside those
    problems: tuple[Problem, ...]  # what concerns no single company
    bytes: int  # sum of the sizes of all files
    allocated: int  # what files and directories take on the disk, in bytes
    layout: Layout = AS_NAMED  # what was declared of it

    @property
    def every_problem(self) -> list[Problem]:
        return [*self.problems, *(one for found in self.companies for one in found.problems)]

    @property
    def file_count(self) -> int:
        return len(self.others) + sum(company.counts.total for company in self.companies)

    @property
    def company_ids(self) -> tuple[str, ...]:
        return tuple(found.company_id for found in self.companies if found.company_id)

    @property
    def blocking(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.blocks)

    def company(self, company_id: str) -> CompanyScan | None:
        """The scan of a company; None also where it was found twice."""
        found = [one for one in self.companies if one.company_id == company_id]
        return found[0] if len(found) == 1 else None

    def open_company(self, company: CompanyScan) -> int:
        """Open the very directory of a company that was scanned; the caller closes it."""
        fd = open_beneath(self.fd, company.directory)
        if identity(os.fstat(fd)) != company.identity:
            os.close(fd)
            where, remedy = (
                f"{self.label}/{company.directory}",
                "Look who does that, then run again.",
            )
            raise DirectoryProblem("the directory was replaced since it was scanned", where, remedy)
        return fd

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def __exit__(self, *_: object) -> None:
        self.close()


def refuse_doubles(companies: Sequence[CompanyScan]) -> tuple[CompanyScan, ...]:
    """Mark companies and pairings that were found twice with a problem that blocks, and names the places."""

    def checked(company: CompanyScan) -> CompanyScan:
        others = [one for one in companies if one is not company]
        named = [
            one for one in others if company.company_id and one.company_id == company.company_id
        ]
        mine = company.credentials and company.credentials.identity
        paired = [
            one
            for one in others
            if one not in named and one.credentials and one.credentials.identity == mine
        ]
        found = [
            Problem(kind, company.directory, f"also in {', '.join(doubles)}")
            for kind, doubles in (
                ("company twice", [one.directory for one in named]),
                ("pairing twice", [one.directory for one in paired]),
            )
            if doubles
        ]
        return replace(company, problems=(*company.problems, *found)) if found else company

    return tuple(checked(company) for company in companies)
