"""Profiles: named states of the hosts that are built once and come back in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from lab import fleet, hosts, owner, progress, service_build
from lab.place import LabError, Place
from lab.remote import Host

NAMES = ("on-files",)
_SERVICE_IMAGE = "service"


def up(profile: str, *, take_over: bool = True, place: Place = hosts.HERE) -> None:
    """Bring every host up, and hosts that are still clean into a profile; others stay as they are.

    Args:
        profile: a name in ``NAMES``.
        take_over: end another checkout's lab if nobody is using it.
        place: which lab.

    Raises:
        LabError: a host does not boot, or the profile could not be built.
    """
    hosts.up(take_over=take_over, place=place)
    record = owner.read(place)
    if record is None or record.snapshot is None:
        reset(profile, place=place)


def reset(profile: str, *, place: Place = hosts.HERE) -> None:
    """Bring the hosts into a profile: from its snapshot, or by building it first.

    Args:
        profile: ``on-files``, the state before the clean-up (DOMAIN section 1).
        place: which lab.

    Raises:
        LabError: unknown profile, or it could not be built.
    """
    if profile not in NAMES:
        raise LabError(f"there is no profile {profile!r}; there are: {', '.join(NAMES)}")
    key = content_key(Path(__file__).resolve().parent)
    if hosts.has_snapshot(profile, key, place=place):
        hosts.reset(profile, key, place=place)
        return
    hosts.reset(place=place)
    with progress.step(f"building profile {profile} (once a version of lab/)"):
        service_build.build(_service_host(place))
    hosts.snapshot(profile, key, place=place)


def _service_host(place: Place) -> Host:
    for spec in fleet.declared(place):
        if spec.image == _SERVICE_IMAGE:
            return Host(place, spec)
    raise LabError(f"{place.inventory} has no host with lab_image: {_SERVICE_IMAGE}; add one")


def content_key(lab: Path) -> str:
    """A hash of all that makes a profile: the service in ``lab``, and the code that installs it.

    The images are not in it: they are part of every snapshot's identity.
    """
    digest = hashlib.sha256()
    for path in _sources(lab):
        digest.update(f"{path.relative_to(lab)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(lab: Path) -> Iterator[Path]:
    skipped = {"node_modules", "__pycache__"}
    code = [lab / "profiles.py", *lab.glob("service_*.py")]
    for path in sorted([*code, *(lab / "service").rglob("*")]):
        if path.is_file() and not skipped & set(path.relative_to(lab).parts):
            yield path
