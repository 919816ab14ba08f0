"""Reads an environment in a child process; begun early, it reads while the command itself still loads.

ansible-core takes 0.5 s to load, most of it before it opens a file. What is read ahead counts only if no
file of settings has changed between its beginning and the moment when it is wanted.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from rollout.checkout import ROOT

_FOLDERS = ("inventory", "group_vars", "host_vars")

Marks = dict[str, tuple[int, int, int]]
_begun: dict[str, tuple[subprocess.Popen[str], Marks]] = {}


def begin(words: Sequence[str]) -> None:
    """Begin to read the first environment that a command line names; does not wait.

    Args:
        words: the command's arguments.
    """
    known = {path.stem for path in (ROOT / "inventory").glob("*.yml")}
    name = next((word for word in words if word in known), None)
    if name is not None:
        before = marks()
        _begun[name] = (_child(name), before)
        atexit.register(_forget, name)


def read(name: str) -> tuple[int, str, str]:
    """An environment as ``rollout/environment/reader.py`` prints it.

    Args:
        name: the environment.

    Returns:
        The reader's exit code, what it printed and what it complained of.
    """
    child, before = _begun.pop(name, (None, None))
    if child is not None and before != marks():
        child.kill()
        child.communicate()
        child = None
    if child is None:
        child = _child(name)
    try:
        said, complaint = child.communicate()
    except KeyboardInterrupt:
        child.kill()
        raise
    return child.returncode, said, complaint


def marks() -> Marks:
    """What changes with any file that an environment is read from: path → inode, time and size."""
    paths = [ROOT / "ansible.cfg", *ROOT.glob("roles/*/defaults.yml")]
    for folder in _FOLDERS:
        paths += [ROOT / folder, *(ROOT / folder).rglob("*")]
    found = {}
    for path in paths:
        with suppress(FileNotFoundError):
            seen = path.stat()
            found[str(path)] = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
    return found


def _child(name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rollout.environment.reader", name],
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _environment() -> dict[str, str]:
    """What Ansible's other users set for themselves would bend what is read here: duplicates allowed, say."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    # Named, because Ansible passes over one in a folder that others may write. It refuses every other
    # locale; ssh brings names of locales along that this machine does not have.
    return {**kept, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8"}


def _forget(name: str) -> None:
    """A command that ended without it leaves nothing running."""
    child, _ = _begun.pop(name, (None, None))
    if child is not None:
        child.kill()
        child.communicate()
