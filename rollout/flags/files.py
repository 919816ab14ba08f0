"""The YAML files that flags are declared in: what they say, and editing them in one step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from rollout.checkout import ROOT
from rollout.errors import OperatorError
from rollout.flags import yaml_text
from rollout.settings.catalogue import catalogue

FLAGS, OVERRIDES = "flags", "flag_overrides"


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@dataclass(frozen=True)
class FileEdit:
    """A YAML file as it was and as it is to be; None: there is no file."""

    path: Path
    before: str | None
    after: str | None

    @property
    def name(self) -> str:
        return name_of(self.path)

    def diff(self) -> list[str]:
        """The change, line by line, without context."""
        before, after = ((text or "").splitlines() for text in (self.before, self.after))
        lines = unified_diff(before, after, lineterm="", n=0)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]

    def write(self) -> None:
        _put(self.path, self.after)

    def put_back(self) -> None:
        """Bring the old text back, unless someone has edited the file meanwhile."""
        if _text(self.path) != self.after:
            problem = f"{self.name} was edited meanwhile, so it is left as it is."
            raise OperatorError(problem, f"git diff {self.name}")
        _put(self.path, self.before)


def declared(path: Path, variable: str) -> dict[str, str]:
    """What a file declares, spelled for the ``.env``."""
    text = _text(path) or ""
    found = yaml_text.entries(text, variable, name_of(path))
    plain = {name: entry.value for name, entry in found.items() if entry.value is not None}
    return catalogue().spelled(plain)


def edit(path: Path, variable: str, changes: Mapping[str, str | None]) -> FileEdit:
    """A file with other declarations, spelled; None takes one out."""
    before = _text(path)
    after: str | None = yaml_text.edited(before or "", variable, changes, name_of(path))
    if path.parent.parent.name == "host_vars" and yaml_text.is_empty(after or ""):
        after = None
    return FileEdit(path, before, after)


def host_file(host: str) -> Path:
    return ROOT / "host_vars" / host / "flags.yml"


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _put(path: Path, text: str | None) -> None:
    """Write or remove a file in one step: a kill leaves the old text or the new."""
    if text is None:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: other settings of the host are there
            path.parent.rmdir()
            path.parent.parent.rmdir()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
    descriptor, temporary = tempfile.mkstemp(prefix=".flags.", dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    Path(temporary).replace(path)
