"""The two pointers to what runs, the symlink `current` and the file `.env`: swapped, and back."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hostswitch.disk import replace_file, sync_directory
from hostswitch.errors import StepFailedError
from hostswitch.safefile import read_regular

Owner = tuple[int, int]
_LARGEST = 1 << 20


def current_target(app_dir: str) -> str | None:
    """What `current` points to, as it is written; None if there is no such link."""
    try:
        return os.readlink(os.path.join(app_dir, "current"))
    except FileNotFoundError:
        return None


def point_current(app_dir: str, target: str | None, owner: Owner) -> None:
    """Point `current` at a release in one step, or take it away.

    Args:
        app_dir: the application directory.
        target: relative to it; None removes the link.
        owner: uid and gid of the link.
    """
    link = Path(app_dir, "current")
    temporary = Path(app_dir, ".current.new")
    if target is None:
        link.unlink(missing_ok=True)
    else:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        os.chown(temporary, *owner, follow_symlinks=False)
        os.rename(temporary, link)
    sync_directory(link.parent)


def previous(env_live: str) -> Path:
    """Where the .env before a switch is kept."""
    return Path(env_live + ".previous")


def read(path: str | Path) -> bytes | None:
    """A settings file's bytes; None if it is missing.

    Raises:
        UnsafeFileError: it is no regular file, or far too large.
    """
    return read_regular(path, _LARGEST)


def digest(content: bytes | None) -> str | None:
    """SHA-256 of a file's bytes; None for a missing file."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def keep_env(env_live: str, judged: str | None, following: str | None, owner: Owner) -> None:
    """Keep the .env that is live beside it, if another one follows; while the service still runs.

    Args:
        env_live: the live file.
        judged: SHA-256 of what row 0 judged; None: there was none.
        following: SHA-256 of the staged one; None: the live one stays.
        owner: uid and gid.

    Raises:
        StepFailedError: the live one is not what was judged.
    """
    live = read(env_live)
    if digest(live) != judged:
        raise changed_since(env_live)
    if live is not None and following not in (None, judged):
        replace_file(previous(env_live), live, 0o600, owner)


def put_env(env_live: str, env_next: str, judged: str | None, owner: Owner) -> None:
    """Make the staged .env the live one; the one before lies beside it already (`keep_env`).

    Args:
        env_live: the live file.
        env_next: where the staged one lies.
        judged: SHA-256 of what row 0 judged; None: nothing was staged, the live one is as declared.
        owner: uid and gid.

    Raises:
        StepFailedError: what is staged is not what was judged.
    """
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
    """The error for a file that is not the one which row 0 judged."""
    return StepFailedError(
        f"{path} changed after it was judged. See who writes it, then roll out again"
    )


def restore_env(env_live: str, env_next: str, before: str | None, owner: Owner) -> None:
    """Bring back the .env of before a switch; harmless if it is there already.

    The one that was live meanwhile is staged again: the next switch still wants it.

    Args:
        env_live: the live file.
        env_next: where a staged one lies.
        before: its SHA-256 before the switch; None: it did not exist.
        owner: uid and gid.

    Raises:
        StepFailedError: neither the live nor the kept file is the one from before.
    """
    live = read(env_live)
    if digest(live) == before:
        return
    if before is None:
        os.rename(env_live, env_next)
        sync_directory(Path(env_live).parent)
        return
    kept = read(previous(env_live))
    if kept is None or digest(kept) != before:
        raise StepFailedError(
            f"{previous(env_live)} is not the .env from before the switch; write {env_live} by "
            f"hand, then: baileys-hostswitch resume"
        )
    if live is not None and read(env_next) is None:
        replace_file(Path(env_next), live, 0o600, owner)
    replace_file(Path(env_live), kept, 0o600, owner)
