"""Keeps what this host's Python made of the zipapp's sources, for the next start."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import marshal
import zipfile
from pathlib import Path

from hostswitch.base.files import replace_file
from hostswitch.zipapp_main import KEPT, kept_for

# PEP 552: a hash-based file whose source is not looked at again; the archive's name holds the hash.
_UNCHECKED = (0b01).to_bytes(4, "little")
_NO_HASH = bytes(8)


def keep(program: Path, folder: Path = Path(KEPT)) -> None:
    """Keep the compiled modules of a zipapp, and those of no other.

    Args:
        program: the zipapp that runs. Where it is another file (a test, a checkout) or can't be read,
            nothing is kept: the program runs from its sources as well.
        folder: where to, for root alone.
    """
    with contextlib.suppress(OSError, zipfile.BadZipFile, SyntaxError):
        content = program.read_bytes()
        kept = Path(kept_for(content, str(folder)))
        if kept.exists():
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(kept, _compiled(program, content), 0o600, None)
        for other in folder.iterdir():
            if other != kept:
                other.unlink()


def _compiled(program: Path, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as sources, zipfile.ZipFile(made, "w") as archive:
        for name in sources.namelist():
            if name.endswith(".py"):
                code = compile(sources.read(name), f"{program}/{name}", "exec", dont_inherit=True)
                header = importlib.util.MAGIC_NUMBER + _UNCHECKED + _NO_HASH
                archive.writestr(f"{name}c", header + marshal.dumps(code))
    return made.getvalue()
