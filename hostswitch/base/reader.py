"""Reads a JSON object field by field and collects every mistake, not only the first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any


class Reader:
    """One JSON object of a plan. A missing or mistyped field yields a harmless value and a problem."""

    def __init__(self, data: Any, name: str, problems: list[str] | None = None) -> None:
        self._name = name
        self._problems: list[str] = [] if problems is None else problems
        self._seen: set[str] = set()
        self._children: list[Reader] = []
        if not isinstance(data, dict):
            self._problems.append(f"{name} must be an object")
            data = {}
        self._data: dict[str, Any] = data

    def complain(self, key: str, problem: str) -> None:
        """Add a problem about a field."""
        self._problems.append(f"{self._name}.{key} {problem}")

    def problems(self) -> list[str]:
        """All problems so far, fields that nobody asked for included (a mistyped name)."""
        return self._problems + self._unknown()

    def present(self, key: str) -> bool:
        """Whether a field is there and not null."""
        self._seen.add(key)
        return self._data.get(key) is not None

    def text(self, key: str, pattern: str = r".+") -> str:
        """A string that matches `pattern` as a whole."""
        value = self._get(key)
        if not isinstance(value, str) or not re.fullmatch(pattern, value) or "\0" in value:
            self.complain(key, f"must be text of the form {pattern}")
            return ""
        return value

    def choice(self, key: str, values: Sequence[str]) -> str:
        """One of the given strings."""
        value = self._get(key)
        if value not in values:
            self.complain(key, f"must be one of: {', '.join(values)}")
            return values[0]
        return str(value)

    def number(self, key: str) -> float:
        """A number that is not negative."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            self.complain(key, "must be a number, 0 or more")
            return 0
        return value

    def flag(self, key: str) -> bool:
        """A boolean; a missing one is false."""
        value = self._data.get(key, False)
        self._seen.add(key)
        if not isinstance(value, bool):
            self.complain(key, "must be true or false")
            return False
        return value

    def path(self, key: str) -> str:
        """An absolute path in its normal form."""
        value = self.text(key)
        if value and (not value.startswith("/") or not _plain(value[1:])):
            self.complain(key, "must be an absolute path without . and ..")
        return value

    def relative(self, key: str) -> str:
        """A relative path that stays where it starts."""
        value = self.text(key)
        if value and (value.startswith("/") or not _plain(value)):
            self.complain(key, "must be a relative path without . and ..")
        return value

    def texts(self, key: str, pattern: str = r".+") -> tuple[str, ...]:
        """A list of strings; a missing one is empty."""
        self._seen.add(key)
        value = self._data.get(key) or []
        good = isinstance(value, list) and all(
            isinstance(item, str) and re.fullmatch(pattern, item) for item in value
        )
        if not good:
            self.complain(key, f"must be a list of texts of the form {pattern}")
            return ()
        return tuple(value)

    def mapping(self, key: str) -> dict[str, str]:
        """An object whose values are strings."""
        value = self._get(key)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            self.complain(key, "must be an object of texts")
            return {}
        return dict(value)

    def child(self, key: str) -> Reader:
        """A nested object."""
        return self._child(self._get(key), f"{self._name}.{key}")

    def children(self, key: str) -> list[Reader]:
        """A list of nested objects."""
        value = self._get(key)
        if not isinstance(value, list):
            self.complain(key, "must be a list")
            return []
        return [self._child(item, f"{self._name}.{key}[{n}]") for n, item in enumerate(value)]

    def _child(self, data: Any, name: str) -> Reader:
        child = Reader(data, name, self._problems)
        self._children.append(child)
        return child

    def _get(self, key: str) -> Any:
        self._seen.add(key)
        return self._data.get(key)

    def _unknown(self) -> list[str]:
        own = [f"{self._name}.{key} is not known" for key in self._data if key not in self._seen]
        return own + [text for child in self._children for text in child._unknown()]


def _plain(path: str) -> bool:
    """Whether a relative path has neither empty, `.` nor `..` parts."""
    parts = path.split("/")
    return bool(PurePosixPath(path).parts) and not any(part in ("", ".", "..") for part in parts)
