"""What a scan meets that is not as it should be, as problems in words."""

from __future__ import annotations

import os
from collections.abc import Iterator

from sessionstore.descriptors import Unreadable, kind_of_mode
from sessionstore.errors import cause_of
from sessionstore.files import ARTEFACT, UNKNOWN
from sessionstore.grammar import CREDENTIALS_CACHE, is_company_id
from sessionstore.reading import BadFile
from sessionstore.tree import PROBLEMS, Problem
from sessionstore.values import ValueProblem


def misplaced(name: str) -> str:
    """Say what is wrong with the place of session files.

    Args:
        name: of the directory that holds them.

    Returns:
        The detail of a problem.
    """
    # Rows use the bare id, directories never do (docs/facts.md section 2): whose they are is not
    # guessed, two spellings of one company could lie side by side.
    bare = f"; company {name} belongs in company_{name}" if is_company_id(name) else ""
    return f"not company_<id> at the top{bare}"


def of_name(name: str, kind: str, path: str) -> Iterator[Problem]:
    """Report what a file's name alone tells.

    Args:
        name: the bare name.
        kind: what it stands for.
        path: of its directory, below the scanned one.

    Yields:
        Problems.
    """
    for problem, here, blocks in (
        ("unknown file", kind == UNKNOWN, True),
        ("credentials cache", name == CREDENTIALS_CACHE, False),
    ):
        if here:
            yield Problem(problem, below(path, name), PROBLEMS[problem], blocks)


def unlistable(path: str, error: OSError) -> Problem:
    """Report a directory that can't be listed, or not to its end.

    Args:
        path: below the scanned directory; "" for itself.
        error: what the kernel said.

    Returns:
        The problem.
    """
    return Problem("unreadable", path or ".", cause_of(error), True)


def kind_of(entry: os.DirEntry[str]) -> str:
    """Name what is neither a regular file nor a directory.

    Args:
        entry: of the directory that holds it.

    Returns:
        A word such as "symlink" or "socket".
    """
    try:
        return kind_of_mode(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return "gone again"


def of_trouble(
    trouble: BadFile | ValueProblem | Unreadable | OSError, where: str, kind: str
) -> Problem:
    """Report a file that could not be read or understood.

    Args:
        trouble: what was raised.
        where: path below the scanned directory.
        kind: what the file's name stands for.

    Returns:
        The problem.
    """
    if isinstance(trouble, (BadFile, ValueProblem, Unreadable)):
        # An artefact is never read by Baileys, so what it holds can't block an import.
        blocks = kind != ARTEFACT or trouble.kind in ("not a regular file", "unreadable")
        return Problem(trouble.kind, where, trouble.detail, blocks)
    return Problem("unreadable", where, cause_of(trouble), True)


def is_utf8(name: str) -> bool:
    """Tell whether a name is valid UTF-8.

    Args:
        name: as ``os.fsdecode`` gives it.

    Returns:
        Whether it is.
    """
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def below(path: str, name: str) -> str:
    """Give the path of something in a directory.

    Args:
        path: of the directory, below the scanned one; "" for that itself.
        name: the bare name.

    Returns:
        Its path below the scanned directory.
    """
    return f"{path}/{name}" if path else name
