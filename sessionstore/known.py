"""Files that were read just before: what is known of them, so that nobody reads them twice.

A removal proves two things of each file, that it is in the archive and that it is accounted for
in the database. Both rest on the same bytes when they are read once; and where an import recorded
these very bytes, it also recorded which value they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from sessionstore.file_state import FileState
from sessionstore.files import CREDS, KEY
from sessionstore.whole import Tree


class KnownFiles:
    """The files of a tree that was walked and hashed.

    Args:
        tree: of the directory that is to be scanned.
        values: for the SHA-256 of a file's bytes that of its canonical value, as recorded.
    """

    def __init__(self, tree: Tree, values: Mapping[str, str]) -> None:
        self._nodes = {node.path: node for node in tree.files}
        self._values = values

    def find(self, path: str, kind: str) -> tuple[FileState, str, str | None] | None:
        """Look a file up.

        Args:
            path: below the directory.
            kind: what its name stands for, see :mod:`sessionstore.files`.

        Returns:
            Its status, the digest of its bytes and that of its value, which only a key has; None
            where it has to be read: a key of other bytes than were imported, credentials, a file
            that came meanwhile.
        """
        node = self._nodes.get(path)
        if node is None or kind == CREDS:
            return None
        value = self._values.get(node.sha256) if kind == KEY else None
        if value is None and kind == KEY:
            return None
        return node.status, node.sha256, value
