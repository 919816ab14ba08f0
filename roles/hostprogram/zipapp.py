"""Builds the host program as one zipapp, on the controller.

The same sources and the same psycopg give the same bytes, so that an unchanged program is not
copied again.
"""

import io
import zipfile
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path

_PACKAGES = ("hostswitch", "sessionstore", "psycopg")
_MODULES = ("typing_extensions",)
# psycopg asks its own metadata for its version, in the archive as well.
_WITH_METADATA = "psycopg"
_SHEBANG = b"#!/usr/bin/env python3\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def build_zipapp() -> bytes:
    return _SHEBANG + _archive(dict(_members()))


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(members):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, members[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _members() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _origin("hostswitch").with_name("__main__.py").read_bytes()
    for package in _PACKAGES:
        root = _origin(package).parent
        for path in root.rglob("*.py"):
            yield path.relative_to(root.parent).as_posix(), path.read_bytes()
    for module in _MODULES:
        yield f"{module}.py", _origin(module).read_bytes()
    text = metadata.distribution(_WITH_METADATA).read_text("METADATA") or ""
    version = metadata.version(_WITH_METADATA)
    header = text.partition("\n\n")[0] + "\n"
    yield f"{_WITH_METADATA}-{version}.dist-info/METADATA", header.encode()


def _origin(name: str) -> Path:
    found = util.find_spec(name)
    if found is None or found.origin is None:
        raise SystemExit(f"{name} is not installed here. Set the environment up with: make rollout")
    return Path(found.origin)
