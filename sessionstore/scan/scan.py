"""Scanning a directory tree for session files, through descriptors only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from sessionstore.disk import opening
from sessionstore.disk.mounts import mount_id, mounts_beneath
from sessionstore.disk.reading import Status, identity
from sessionstore.errors import BadFile, DirectoryProblem, cause_of, half_a_pair
from sessionstore.garbage import without_collector
from sessionstore.keys.credentials import Credentials, credentials_of
from sessionstore.keys.names import CREDENTIALS, decode
from sessionstore.keys.values import LARGEST_FILE
from sessionstore.scan import problems, table
from sessionstore.scan.layout import AS_NAMED, Layout, is_artefact, original_of
from sessionstore.scan.problems import Place, below
from sessionstore.scan.result import (
    DEEPEST_DIRECTORY,
    CompanyScan,
    DirectoryScan,
    Problem,
    refuse_doubles,
)
from sessionstore.scan.session_file import hash_file, read_session_file
from sessionstore.scan.table import FileEntry

_PLACE = attrgetter("where", "kind")


@without_collector()
def scan_directory(
    directory: int | str, *, label: str = "", contents: bool = True, layout: Layout = AS_NAMED
) -> DirectoryScan:
    """List, and normally read, all in a directory of session files; trouble with one is a problem.

    Args:
        directory: a path, or a descriptor of an open directory, which messages call ``label`` then.
        contents: False lists names only: no file but the credentials is looked at.
        layout: as declared; by default the names of directories tell, that of itself too.
    """
    if isinstance(directory, str):
        fd = opening.open_directory(directory)
    else:
        fd = opening.open_beneath(directory, ".")
    label = label or str(directory)
    try:
        own_name = os.path.basename(label.rstrip("/"))
        walk = _Walk(contents, layout, own_name, mount_id(fd))
        walk.directory(fd, "", 0)
        walk.note_mounts(fd)
        return walk.result(fd, label)
    except BaseException:
        os.close(fd)
        raise


@dataclass
class _Walk:
    contents: bool
    layout: Layout
    own_name: str
    mount: int
    companies: list[CompanyScan] = field(default_factory=list)
    others: list[FileEntry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    bytes: int = 0
    allocated: int = 0
    read: int = 0

    def directory(self, fd: int, path: str, depth: int, *, inside: bool = False) -> None:
        status = os.fstat(fd)
        self.allocated += status.st_blocks * 512
        found: list[Problem] = []
        sessions, directories = self._survey(fd, path, found)
        place = Place(path, depth, inside=inside, sessions=sessions)
        company_id = place.company(self.layout, self.own_name)
        found.extend(place.problems(self.layout, company_id))
        if sessions or (path and company_id):
            self._company(fd, path, company_id, found)
        else:
            self.problems.extend(found)
            self._other_files(fd, path)
        for child in directories:
            self._descend(fd, below(path, child), child, depth + 1, sessions)

    def _survey(self, fd: int, path: str, found: list[Problem]) -> tuple[bool, list[str]]:
        sessions = False
        directories: list[str] = []
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    name = entry.name
                    if not name.isascii() and half_a_pair(name):
                        found.append(Problem("name not UTF-8", below(path, name)))
                    if entry.is_file(follow_symlinks=False):
                        sessions = sessions or name == CREDENTIALS or decode(name) is not None
                    elif entry.is_dir(follow_symlinks=False):
                        directories.append(name)
                    else:
                        where, kind = below(path, name), problems.kind_of(entry)
                        found.append(Problem("not a regular file", where, kind))
        except OSError as error:
            found.append(problems.unlistable(path, error))
        return sessions, sorted(directories)

    def _names(self, fd: int, path: str, found: list[Problem]) -> Iterator[str]:
        try:
            if self.contents:
                yield from table.in_reading_order(fd)
            else:
                yield from (entry.name for entry in table.regular_files(fd))
        except OSError as error:
            if (problem := problems.unlistable(path, error)) not in found:
                found.append(problem)

    def _descend(self, fd: int, path: str, name: str, depth: int, inside: bool) -> None:
        if depth > DEEPEST_DIRECTORY:
            self.problems.append(Problem("too deep", path, "not looked into"))
            return
        try:
            child = opening.open_beneath(fd, name)
        except DirectoryProblem as trouble:
            self.problems.append(Problem("unreadable", path, cause_of(trouble)))
            return
        with opening.closing(child):
            if mount_id(child) == self.mount:
                self.directory(child, path, depth, inside=inside)
            else:
                self.problems.append(Problem("another file system", path, "not looked into"))

    def _company(self, fd: int, path: str, company_id: str | None, found: list[Problem]) -> None:
        counts, files = table.Counts(), table.FileTable()
        credentials: Credentials | None = None
        artefacts: list[str] = []
        for name in self._names(fd, path, found):
            key = decode(name)
            kind = table.KEY if key else self._kind_of_name(name)
            if kind == table.ARTEFACT:
                artefacts.append(name)
                continue
            counts.add(name, kind, key)
            if key is None:
                found.extend(problems.of_name(name, kind, path, self.layout))
            if self.contents or kind == table.CREDS:
                entry, creds = self._file(fd, name, kind, path, found)
                credentials = creds or credentials
                if self.contents:
                    files.append(entry)
        # Last: by then it is known which of the files that they are copies of are torn.
        torn = {problem.where for problem in found if problem.blocks}
        for name in artefacts:
            kind = self._artefact(fd, name, path, torn, found)
            counts.add(name, kind, None)
            if self.contents:
                files.append(self._file(fd, name, kind, path, found)[0])
        if counts.total and not counts.by_kind[table.CREDS]:
            found.append(Problem("no credentials", path or ".", "creds.json is missing"))
        which, ordered = identity(os.fstat(fd)), tuple(sorted(found, key=_PLACE))
        self.companies.append(
            CompanyScan(company_id, path or ".", which, counts, files, credentials, ordered)
        )

    def _kind_of_name(self, name: str) -> str:
        if name == CREDENTIALS:
            return table.CREDS
        left = is_artefact(name) or self.layout.leaves_out(name)
        return table.ARTEFACT if left else table.UNKNOWN

    def _artefact(self, fd: int, name: str, path: str, torn: set[str], found: list[Problem]) -> str:
        """Tell whether an artefact may be all there is of a key; note what is to be said of it."""
        original = original_of(name)
        if original and (
            below(path, original) in torn or not stat.S_ISREG(_status(fd, original).st_mode)
        ):
            found.append(problems.of_only_copy(fd, name, original, path))
            return table.ONLY_COPY
        found.extend(problems.of_name(name, table.ARTEFACT, path, self.layout))
        return table.ARTEFACT

    def _file(
        self, fd: int, name: str, kind: str, path: str, found: list[Problem]
    ) -> tuple[FileEntry, Credentials | None]:
        status: Status
        sha256 = value_sha256 = credentials = None
        try:
            if kind in (table.KEY, table.CREDS):
                reading = read_session_file(fd, name, as_text=self.layout.as_text)
                canonical, sha256, value_sha256, status = reading
                credentials = credentials_of(reading.value) if kind == table.CREDS else None
                found.extend(problems.of_value(kind, name, canonical, path))
            else:
                sha256, status = hash_file(fd, name)
        except BadFile as trouble:
            found.append(problems.of_trouble(trouble, below(path, name), kind))
            sha256 = trouble.sha256 or sha256
            status = trouble.status or _status(fd, name)
        self.bytes += status.st_size
        self.allocated += status.st_blocks * 512
        self.read += min(status.st_size, LARGEST_FILE)
        if self.read > opening.LARGEST_DIRECTORY:
            raise DirectoryProblem(opening.TOO_MUCH, path)
        if status.st_nlink > 1:
            detail = f"{status.st_nlink} names"
            found.append(Problem("hard link", below(path, name), detail, blocks=False))
        size, changed = status.st_size, status.st_mtime_ns
        return FileEntry(name, kind, size, changed, sha256, value_sha256), credentials

    def _other_files(self, fd: int, path: str) -> None:
        for name in self._names(fd, path, self.problems):
            kind = self._kind_of_name(name)
            if kind == table.ARTEFACT:
                kind = self._artefact(fd, name, path, set(), self.problems)
            else:
                self.problems.extend(problems.of_name(name, kind, path, self.layout))
            entry = FileEntry(name, kind, 0, 0)
            if self.contents:
                entry, _ = self._file(fd, name, kind, path, self.problems)
            self.others.append(entry._replace(name=below(path, name)))

    def note_mounts(self, fd: int) -> None:
        """A mounted directory was seen when it was met; a mounted file looks like any other."""
        known = {problem.where for problem in self.problems}
        for path in mounts_beneath(fd):
            if path not in known:
                detail = "a file that is a mount point"
                self.problems.append(Problem("another file system", path, detail))

    def result(self, fd: int, label: str) -> DirectoryScan:
        return DirectoryScan(
            fd,
            label,
            self.contents,
            refuse_doubles(self.companies),
            tuple(sorted(self.others, key=attrgetter("name"))),
            tuple(sorted(self.problems, key=_PLACE)),
            self.bytes,
            self.allocated,
            self.layout,
        )


_NOTHING = os.stat_result((0,) * 10 + (0.0,) * 3 + (0,) * 6)


def _status(fd: int, name: str) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return _NOTHING
