"""The pointers to what runs, the symlink `current` and the file `.env`: swapped, back, and where they lead.

A revision and the Baileys that a directory locks are read from its files; no git is run.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path

from hostswitch.base.answer import understood
from hostswitch.base.errors import HostError, Refusal, RefusedError, StepFailedError
from hostswitch.base.files import (
    Owner,
    read_regular,
    replace_by_itself,
    replace_file,
    see,
    sync_directory,
)
from hostswitch.envfile.values import parse
from hostswitch.plan import is_hash

_LARGEST_LOCK = 16 << 20
_LARGEST_REFERENCES = 16 << 20
# Of a symbolic HEAD no more is followed than a branch's name: it could name any path.
_REFERENCE = re.compile(r"ref: (refs/(?!\S*\.\.)[\w./-]+)")
_BAILEYS = ("node_modules/@whiskeysockets/baileys", "node_modules/baileys")
_LARGEST = 1 << 20
_KEPT_LINK = ".current.previous"


def current_target(app_dir: str) -> str | None:
    """What `current` points to, as written. Raises RefusedError: something else has that name."""
    link = os.path.join(app_dir, "current")
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return None
    except OSError:
        remedy = f"Move it away: {see(link)}"
        raise RefusedError([Refusal("current", "is no link", link, remedy)]) from None


def current_directory(app_dir: str) -> str | None:
    """The same, made absolute."""
    target = current_target(app_dir)
    return None if target is None else os.path.normpath(os.path.join(app_dir, target))


def point_current(app_dir: str, target: str | None) -> None:
    """Point `current` at a release in one step; None takes it away."""
    link = Path(app_dir, "current")
    if target is None:
        link.unlink(missing_ok=True)
    else:
        os.rename(_link_beside(link, ".current.new", target), link)
    sync_directory(link.parent)


def _link_beside(link: Path, name: str, target: str) -> Path:
    # Root's, for a link's owner means nothing, and what a name means may change under a chown.
    beside = link.with_name(name)
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    return beside


def keep_current(app_dir: str) -> None:
    """Try whether `current` can be pointed; keep a link for the way back."""
    target = current_target(app_dir)
    if target is not None:
        _link_beside(Path(app_dir, "current"), _KEPT_LINK, target)
        point_current(app_dir, target)


def forget_current(app_dir: str) -> None:
    Path(app_dir, _KEPT_LINK).unlink(missing_ok=True)


def restore_current(app_dir: str, before: str | None) -> None:
    """Point `current` where it pointed before a switch, by the link that was kept."""
    kept = Path(app_dir, _KEPT_LINK)
    if current_target(app_dir) == before:
        return
    if before is not None and kept.is_symlink() and os.readlink(kept) == before:
        os.rename(kept, Path(app_dir, "current"))
        sync_directory(Path(app_dir))
    else:
        point_current(app_dir, before)


def previous(env_live: str) -> Path:
    return Path(env_live + ".previous")


def read(path: str | Path) -> bytes | None:
    """A settings file's bytes; None if it is missing. Raises UnsafeFileError."""
    return read_regular(path, _LARGEST)


def settings(path: str | Path) -> dict[str, str] | None:
    content = read(path)
    return None if content is None else parse(content)


def digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def keep_env(
    env_live: str, judged: str | None, following: str | None, owner: Owner, copy: Path
) -> None:
    """Keep the .env that is live beside it, if another one follows; while the service still runs.

    That one can take its place is tried, with its own content. Root keeps one more (`copy`), for the one
    beside it is the service's own to delete. Raises StepFailedError: the live one is not what was judged.
    """
    live = read(env_live)
    if digest(live) != judged:
        raise changed_since(env_live)
    if live is not None and following not in (None, judged):
        replace_file(copy, live, 0o600, None)
        replace_file(previous(env_live), live, 0o600, owner)
        replace_by_itself(Path(env_live), live)


def put_env(env_live: str, env_next: str, judged: str | None, owner: Owner) -> None:
    """Make the staged .env the live one. Raises StepFailedError: it is not what was judged."""
    staged = read(env_next)
    if digest(staged) != judged:
        raise changed_since(env_next)
    if staged is None:
        return
    # The bytes that were compared: a rename would take whatever lies there by now.
    replace_file(Path(env_live), staged, 0o600, owner)
    Path(env_next).unlink(missing_ok=True)
    sync_directory(Path(env_live).parent)


def changed_since(path: str) -> StepFailedError:
    return StepFailedError(
        f"{path} changed after it was judged. See who writes it, then roll out again"
    )


def restore_env(env_live: str, env_next: str, before: str | None, owner: Owner, copy: Path) -> None:
    """Bring back the .env of before a switch (its SHA-256, or None); harmless if it is there already.

    By renames alone: a full disk prevents none. Only where the service took away what was kept beside
    it does root's copy take its place, which needs space. The one that was live meanwhile is staged
    again: the next switch still wants it. Raises StepFailedError: neither is the one from before.
    """
    if _is(env_live, before):
        return
    kept = previous(env_live)
    beside = before is None or _is(kept, before)
    content = None if beside else read(copy)
    if not beside and digest(content) != before:
        raise StepFailedError(
            f"{kept} is not the .env from before the switch; write {env_live} by hand, then: "
            f"baileys-hostswitch resume"
        )
    if os.path.lexists(env_live) and not os.path.lexists(env_next):
        os.rename(env_live, env_next)
    if before is None:
        Path(env_live).unlink(missing_ok=True)
    elif content is None:
        os.rename(kept, env_live)
    else:
        replace_file(Path(env_live), content, 0o600, owner)
    sync_directory(Path(env_live).parent)


def is_put(env_live: str, before: str | None, following: str | None) -> bool:
    """Whether the .env is what a switch made it, and was not before."""
    return following not in (None, before) and _is(env_live, following)


def is_back(env_live: str, before: str | None, following: str | None) -> bool:
    """Whether the .env is no more what a switch made it: a put back has begun to bring it back."""
    changed = following not in (None, before)
    # Missing: it was cut off between the two renames.
    return changed and (_is(env_live, before) or not os.path.lexists(env_live))


def _is(path: str | Path, wanted: str | None) -> bool:
    """Whether a file has this digest; whatever is no file has none."""
    try:
        return digest(read(path)) == wanted
    except HostError:
        return False


def revision_of(directory: str, owner: Owner) -> str | None:
    """The commit that `releases/<hash>` or a git work tree is at."""
    name = os.path.basename(directory)
    return name if is_hash(name) else _checked_out(Path(directory, ".git"), owner)


def _checked_out(git: Path, owner: Owner) -> str | None:
    head = _text(git / "HEAD", owner)
    symbolic = _REFERENCE.fullmatch(head)
    if symbolic is None:
        return head if is_hash(head) else None
    reference = symbolic[1]
    loose = _text(git / reference, owner)
    if is_hash(loose):
        return loose
    for line in _text(git / "packed-refs", owner).splitlines():
        commit, _, name = line.partition(" ")
        if name == reference and is_hash(commit):
            return commit
    return None


def baileys_version(directory: str, owner: Owner) -> str | None:
    """The version of Baileys that a release's lock file pins."""
    try:
        lock = read_regular(Path(directory, "package-lock.json"), _LARGEST_LOCK, owner)
        packages = understood(lock or b"")["packages"]
        return next((str(packages[name]["version"]) for name in _BAILEYS if name in packages), None)
    except (HostError, ValueError, KeyError, TypeError):
        return None


def present(directory: str | None, asked: Collection[str]) -> frozenset[str] | None:
    """Those of some files that a version has; None: it is not there."""
    if directory is None or not os.path.isdir(directory):
        return None
    return frozenset(one for one in asked if os.path.isfile(os.path.join(directory, one)))


def _text(path: Path, owner: Owner) -> str:
    try:
        return (
            (read_regular(path, _LARGEST_REFERENCES, owner) or b"").decode(errors="replace").strip()
        )
    except HostError:
        return ""
