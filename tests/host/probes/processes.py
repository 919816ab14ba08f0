"""Runs on the host: processes as the kernel sees them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DELETED = " (deleted)"


def held(*places: str) -> list[dict[str, object]]:
    """What processes hold at or under some directories; what was deleted has its bytes not free."""
    directories = [path.rstrip("/") for path in places]
    found: list[dict[str, object]] = []
    for process in Path("/proc").glob("[0-9]*"):
        # It may end while it is looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += held_by(process, directories)
    return found


def held_by(process: Path, directories: list[str]) -> Iterator[dict[str, object]]:
    for kind, path in sorted({*links(process), *maps(process)}):
        plain = path.removesuffix(DELETED)
        if any(plain == one or plain.startswith(one + "/") for one in directories):
            yield {
                "pid": int(process.name),
                "program": program(process),
                "kind": kind,
                "path": plain.encode("utf-8", "replace").decode(),
                "deleted": path.endswith(DELETED),
            }


def links(process: Path) -> Iterator[tuple[str, str]]:
    """Where its working and root directory, its program and its descriptors lead, each with its kind."""
    places = [(name, process / name) for name in ("cwd", "root", "exe")]
    for kind, link in [*places, *(("fd", one) for one in (process / "fd").iterdir())]:
        # It may be closed while it is looked at, and kernel threads have none.
        with suppress(OSError):
            yield kind, str(link.readlink())


def maps(process: Path) -> Iterator[tuple[str, str]]:
    """The files that it has mapped."""
    with (process / "maps").open(errors="surrogateescape") as file:
        for line in file:
            parts = line.rstrip("\n").split(maxsplit=5)
            if len(parts) == 6 and parts[5].startswith("/"):
                yield "map", parts[5]


def program(process: Path) -> str:
    """What the process runs; empty for a kernel thread."""
    try:
        return str((process / "exe").readlink()).removesuffix(DELETED)
    except OSError:
        return ""


def one(pid: str, *names: str) -> dict[str, object]:
    """A process; what only its own user may see, left out where it has another.

    Args:
        names: of the environment variables to show; no other is read out.
    """
    process = Path("/proc") / pid
    lines = (process / "status").read_text().splitlines()
    effective = int(next(line for line in lines if line.startswith("Uid:")).split()[2])
    try:
        parts = (process / "environ").read_bytes().decode("utf-8", "replace").split("\0")
        own: dict[str, object] = {
            "environment": {
                name: value
                for name, _, value in (part.partition("=") for part in parts)
                if name in names
            },
            "cwd": str((process / "cwd").readlink()),
            "executable": str((process / "exe").readlink()),
        }
    except PermissionError:
        own = {}
    return {"uid": effective, **own}
