"""What others answer: one deadline for all of it, a limit on its size, and JSON that can be passed on."""

from __future__ import annotations

import io
import json
import math
import socket
import time
from typing import Any

_LONGEST_NUMBER = 400  # characters; Python 3.10 reads longer ones in quadratic time


class _Incoming(io.RawIOBase):
    def __init__(self, connection: socket.socket, end: float, largest: int) -> None:
        super().__init__()
        self._connection, self._end, self._left = connection, end, largest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("it does not come to an end")
        self._connection.settimeout(left)
        count = self._connection.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise ValueError("it is too large")
        return count


class _Bounded(io.BufferedReader):
    """One read makes room for all that is asked for, and a header may ask for terabytes."""

    def __init__(self, raw: _Incoming, largest: int) -> None:
        super().__init__(raw)
        self._most = largest + 1

    def read(self, size: int | None = -1, /) -> bytes:
        # All of it, asked for as such, is read in pieces.
        return super().read(size if size is None or size < 0 else min(size, self._most))


def incoming(connection: socket.socket, end: float, largest: int) -> io.BufferedReader:
    """What comes from a connection until `end` (monotonic), at most `largest` bytes, as a file that reads it.

    A connection's own timeout holds for each piece only, so that a drip has no end. The file raises OSError
    where the end is passed, ValueError where more comes.
    """
    return _Bounded(_Incoming(connection, end, largest), largest)


def understood(content: bytes | str) -> Any:
    """JSON of someone else; ValueError where it could not be compared, printed and written as JSON again."""
    try:
        found = json.loads(content, parse_int=_int, parse_float=_float, parse_constant=_float)
        # A lone surrogate is no text, and ends in an error wherever it is first written.
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return found


def _int(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("a number in it is too long")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} in it is no number")
    return number
