"""Which old releases may go, and taking them away.

Only below `releases/`: an in-place checkout that was adopted lies elsewhere and is never touched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hostswitch.base.errors import HostError
from hostswitch.base.files import read_regular, see, walk
from hostswitch.base.user import CommandFailedError
from hostswitch.decide.due import WAITING_FOR_VERIFICATION, verification
from hostswitch.decide.pairing import finished_switches
from hostswitch.host import Host
from hostswitch.plan import is_hash
from hostswitch.pm2 import dump
from hostswitch.record.journal import demand_none_open
from hostswitch.service import pointers
from hostswitch.service.pointers import revision_of
from sessionstore.disk.holders import held_open
from sessionstore.disk.opening import closing, open_beneath, open_directory
from sessionstore.errors import StoreError
from sessionstore.keys.names import CREDENTIALS, decode

PRUNED = "pruned"
_HALF_PRUNED = ".pruning-"
_SECONDS = 300
_MIRROR = ".repository.git"
_INSTALLED = "node_modules"
# Beside the commit's own files, what staging a release adds (roles/release/files).
_STAGED = ("REVISION", ".env")
_AUTHORITY = re.compile(r"database-ca(\.[0-9a-f]{16})?\.crt")
_LARGEST_SETTINGS = 64 << 20
_DAILY_PLAN = "daily-check.json"


def old_releases(
    names: Collection[str],
    lines: Sequence[dict[str, Any]],
    protected: Collection[str | None],
    kept: int,
) -> list[str]:
    """Those neither in use nor among the last ones that were healthy. Pure."""
    switches = finished_switches(lines)
    newest_first = [line["revision"]["to"] for line in reversed(switches)]
    healthy = [name for name in dict.fromkeys(newest_first) if name in names]
    previous = {line["revision"]["from"] for line in switches[-1:]}
    staying = {*protected, *previous, *healthy[:kept]}
    return sorted(name for name in names if name not in staying)


def _choose(host: Host) -> tuple[list[str], list[str]]:
    """The old releases that may go, and in sentences why others stay."""
    names = {path.name for path in _releases(host).glob("*") if is_hash(path.name)}
    directory = pointers.current_directory(host.plan.app_dir)
    protected = {host.plan.revision, directory and revision_of(directory, host.owner)}
    old = old_releases(names, host.history.lines(), protected, host.plan.releases_kept)
    reasons = {name: _objection(host, _releases(host) / name) for name in old}
    staying = [f"release {name[:12]} stays: {why}" for name, why in reasons.items() if why]
    return [name for name in old if not reasons[name]], staying


def to_prune(host: Host) -> dict[str, Any]:
    old, staying = _choose(host)
    changes = [f"remove the old release {name[:12]}" for name in old]
    changes += [f"remove what is left of the old release {name[:12]}" for name in _cut_off(host)]
    changes += [f"remove {one}, which nothing names any more" for one in unnamed_authorities(host)]
    return {"changes": changes, "due": staying}


def prune(host: Host) -> dict[str, Any]:
    """Take old releases away, once this rollout has verified the host; `waiting` says what waits for that."""
    demand_none_open(host.places)
    old, staying = _choose(host)
    token = verification(host.history.lines(), host.plan.rollout_id) or {}
    unnamed = unnamed_authorities(host)
    if (old or unnamed) and token.get("verified") is not True:
        why = WAITING_FOR_VERIFICATION
        waiting = [{"name": str(name), "why": why} for name in (*old, *unnamed)]
        return {"outcome": why, "pruned": [], "waiting": waiting}
    pruned = [_delete(host, name) for name in _cut_off(host)]
    pruned += [_take_away(host, name) for name in old]
    for path in unnamed:
        path.unlink()
    if pruned or unnamed:
        gone = {"releases": pruned, "authorities": [str(path) for path in unnamed]}
        host.history.add(PRUNED, rollout_id=host.plan.rollout_id, **gone)
    outcome = PRUNED if pruned or unnamed else "nothing to do"
    return {"outcome": outcome, "pruned": pruned, "staying": staying, "waiting": []}


def _releases(host: Host) -> Path:
    return Path(host.plan.release).parent


def _cut_off(host: Host) -> list[str]:
    """Releases that a run renamed but was killed before it had removed them, by commit."""
    found = _releases(host).glob(f"{_HALF_PRUNED}*")
    return sorted(filter(is_hash, (path.name.removeprefix(_HALF_PRUNED) for path in found)))


def _objection(host: Host, release: Path) -> str:
    """Why an old release must not go: it is in use, or holds what is nowhere else."""
    try:
        _allocated(release)  # once it has another name, it must not turn out to be out of reach
        files = dict(_files(release))
    except HostError as error:
        return str(error)
    for path, name in files.items():
        if name == CREDENTIALS or decode(name) is not None:
            return f"session files lie in it ({path})"
    env = release / ".env"
    if env.exists() and not env.is_symlink():
        return f"it has settings of its own ({env})"
    return _own_file(host, release, files) or _held(release)


def _files(release: Path) -> Iterator[tuple[str, str]]:
    """But for directories, and what npm installed."""
    for directory, entries in walk(release, [_INSTALLED]):
        for one in entries:
            if not one.is_dir(follow_symlinks=False) and one.name != _INSTALLED:
                yield os.path.join(directory, one.name), one.name


def _own_file(host: Host, release: Path, files: Iterable[str]) -> str:
    """Services run with their release as working directory: what they write by relative paths
    lies in it, and no second copy can be staged from the repository."""
    mirror = os.path.join(host.plan.app_dir, _MIRROR)
    listing = ["git", "-C", mirror, "ls-tree", "-r", "-z", "--name-only", release.name]
    try:
        known = {*_STAGED, *host.account.run(listing).split("\0")}
    except CommandFailedError as error:
        return f"nobody can tell which of its files are the commit's ({error})"
    own = sorted(path for path in files if os.path.relpath(path, release) not in known)
    return f"a file lies in it that its commit does not have ({own[0]})" if own else ""


def _held(release: Path) -> str:
    try:
        with (
            closing(open_directory(str(release.parent))) as parent,
            closing(open_beneath(parent, release.name)) as opened,
        ):
            holders = held_open(opened)
    except StoreError as error:
        return error.what
    return f"process {holders[0].pid} ({holders[0].command}) holds it" if holders else ""


def _take_away(host: Host, name: str) -> dict[str, Any]:
    """Rename first: a release that is half gone must not pass for a staged one."""
    release = _releases(host) / name
    host.account.run(["mv", "-T", str(release), str(release.with_name(_HALF_PRUNED + name))])
    return _delete(host, name)


def _delete(host: Host, name: str) -> dict[str, Any]:
    """As the service's user, who owns it: root would follow what that user puts in the way."""
    half = _releases(host) / (_HALF_PRUNED + name)
    freed = _allocated(half)
    host.account.run(["rm", "-rf", "--one-file-system", str(half)], seconds=_SECONDS)
    if half.exists():
        raise HostError(f"{half} could not be removed whole. See: {see(half)}")
    return {"name": name, "freed": freed}


def _allocated(directory: Path) -> int:
    """Bytes that a tree takes on the disk; of files with a further name elsewhere, none."""
    found = [
        one.stat(follow_symlinks=False)
        for _, entries in walk(directory)
        for one in entries
        if not one.is_dir(follow_symlinks=False)
    ]
    return sum(one.st_blocks * 512 for one in found if one.st_nlink == 1)


def unnamed_authorities(host: Host) -> list[Path]:
    """Files of authorities that no settings, dump or plan here names; none where one can't be read."""
    declared = host.plan.database.sslrootcert
    if declared is None or not Path(declared).parent.is_dir():
        return []
    env = host.plan.env_live
    places = [Path(env), Path(host.plan.env_next), pointers.previous(env)]
    places += [Path(host.plan.pm2_home, name) for name in dump.NAMES]
    places += [Path(declared).with_name(_DAILY_PLAN)]
    try:
        texts = [read_regular(path, _LARGEST_SETTINGS) or b"" for path in places]
    except HostError:
        return []
    named = b"\n".join([declared.encode(), *texts])
    there = sorted(Path(declared).parent.iterdir())
    return [
        path
        for path in there
        if _AUTHORITY.fullmatch(path.name) and str(path).encode() not in named
    ]
