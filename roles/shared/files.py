"""Files put in place whole: one fact and one operation.

pyinfra's ``files.put`` and ``files.template`` are not atomic, and a new file of mode 600 exists as 644
for a moment, with sudo also under a predictable name in /tmp (docs/facts.md section 5, "Files").
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase

from roles.shared.shell import SecretLines, script

# Written under a private name first, so that a cut-off leaves the old file whole. Where the directory
# is not root's, its owner may put a link under that name meanwhile: so the shell makes it itself
# (`set -C`: it must not exist) and everything goes through that one open descriptor.
REPLACE = (
    'set -euC; umask 077; new=$(mktemp -u "$1.XXXXXX"); exec 3> "$new"; '
    "trap 'rm -f \"$new\"' EXIT; base64 -d >&3; "
    'chown "$2" /proc/self/fd/3; chmod "$3" /proc/self/fd/3; sync /proc/self/fd/3; '
    'mv -fT "$new" "$1"; trap - EXIT'
)


class FileDigests(FactBase[dict[str, dict[str, str]]]):
    """SHA-256, owner and mode of files, by path; what does not exist is absent."""

    def command(self, paths: Sequence[str]) -> StringCommand:
        """One command for all paths; a directory or a link is reported as what it is."""
        text = (
            'for path; do [ -e "$path" ] || [ -L "$path" ] || continue; '
            'meta=$(stat -c "%F|%U:%G|%a" -- "$path"); '
            'case $meta in regular*) sum=$(sha256sum < "$path");; *) sum=-;; esac; '
            'printf "%s|%s|%s\\n" "${sum%% *}" "$meta" "$path"; done'
        )
        return script(text, *paths)

    default = dict

    def process(self, output: list[str]) -> dict[str, dict[str, str]]:
        """path → sha256, kind, owner (user:group), mode (octal digits)."""
        found = {}
        for line in output:
            digest, kind, owner, mode, path = line.split("|", 4)
            found[path] = {"sha256": digest, "kind": kind, "owner": owner, "mode": mode}
        return found


def content_of(source: Path, **values: Any) -> str:
    """A file of a role, with ``{{ name }}`` filled in.

    Its path is built from the role's ``__file__``: a relative one would resolve against the working
    directory (docs/facts.md section 5).
    """
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(source.read_text()).render(**values)


def template(
    path: str, source: Path, owner: str = "root:root", mode: str = "644", **values: Any
) -> None:
    """Have a file of a role at ``path``, with its placeholders filled in (``content_of``, ``put``)."""
    put(path, content_of(source, **values), owner, mode)


def put(path: str, content: str | bytes, owner: str = "root:root", mode: str = "644") -> None:
    """Give a file exactly this content, owner (``user:group``) and mode, atomically.

    Its directory exists. The content reaches the host on standard input only, so it may be a secret.
    """
    file_installed(name=f"Install {path}", path=path, content=content, owner=owner, mode=mode)


@operation()
def file_installed(
    path: str, content: str | bytes, owner: str, mode: str
) -> Iterator[StringCommand]:
    """What ``put`` does."""
    if as_declared(host.get_fact(FileDigests, paths=[path]).get(path), content, owner, mode):
        host.noop(f"{path} is as declared")
        return
    yield replacing(path, content, owner, mode)
    if path.startswith("/etc/systemd/system/"):
        # It goes on with the units as it read them.
        yield StringCommand("systemctl daemon-reload")


def as_declared(
    found: Mapping[str, str] | None, content: str | bytes, owner: str, mode: str
) -> bool:
    """Whether a file, as ``FileDigests`` tells of it (None: it does not exist), needs nothing."""
    if found is None:
        return False
    digest = hashlib.sha256(_raw(content)).hexdigest()
    return (found["sha256"], found["owner"], found["mode"]) == (digest, owner, mode)


def replacing(path: str, content: str | bytes, owner: str, mode: str) -> StringCommand:
    """The command that writes a file atomically; its content comes on standard input."""
    lines = SecretLines([base64.b64encode(_raw(content)).decode()])
    return script(REPLACE, path, owner, mode, _stdin=lines)


def _raw(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
