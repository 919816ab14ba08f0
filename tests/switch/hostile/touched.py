"""Whether anybody opened or made a file in some directories: the kernel tells (inotify)."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

IN_MODIFY, IN_ATTRIB, IN_OPEN, IN_MOVED_TO, IN_CREATE, IN_DELETE = 2, 4, 0x20, 0x80, 0x100, 0x200
WATCHED = IN_MODIFY | IN_ATTRIB | IN_OPEN | IN_MOVED_TO | IN_CREATE | IN_DELETE
_libc = ctypes.CDLL(None, use_errno=True)


class Watched:
    """Directories, and what happened in them since the last look."""

    def __init__(self, top: Path) -> None:
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._places = {}
        for place in [top, *(path for path in top.rglob("*") if path.is_dir())]:
            number = _libc.inotify_add_watch(self._descriptor, os.fsencode(place), WATCHED)
            assert number > 0, os.strerror(ctypes.get_errno())
            self._places[number] = place
        self.seen()

    def seen(self) -> list[str]:
        """What was opened, made, changed or taken away since the last call."""
        found: list[str] = []
        while True:
            try:
                content = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return found
            while content:
                number, mask, _, length = struct.unpack_from("iIII", content)
                name = content[16 : 16 + length].rstrip(b"\0").decode()
                found.append(f"{self._places[number] / name} ({mask:#x})")
                content = content[16 + length :]

    def close(self) -> None:
        """Look no more."""
        os.close(self._descriptor)
