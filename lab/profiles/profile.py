"""What a profile is: a named state of the hosts, and all that makes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.machine.remote import Host
from lab.place import LabError


@dataclass(frozen=True)
class Profile:
    """One profile.

    Attributes:
        name: what people type; lower-case letters, digits and dashes.
        summary: what it is, in one line.
        build: puts the running hosts into the state; they are clean, or in the profile ``on``.
        made_by: the files and directories, below ``lab/``, that the state is made from. A change
            elsewhere does not build the profile anew.
        environment: whose inventory names the hosts.
        images: by the inventory's ``lab_image``, the image that those hosts boot from instead.
        on: the profile that this one is built on; both boot from the same images.
        holds_secrets: whether passwords of this checkout's lab are on its disks; then no other
            checkout gets them.
    """

    name: str
    summary: str
    build: Callable[[Sequence[Host]], object]
    made_by: tuple[str, ...]
    environment: str = "lab"
    images: Mapping[str, str] = field(default_factory=dict)
    on: Profile | None = None
    holds_secrets: bool = False


def host_of(hosts: Sequence[Host], image: str) -> Host:
    """The first host to which the inventory gives an image.

    Raises:
        LabError: there is none.
    """
    for host in hosts:
        if host.spec.image == image:
            return host
    raise LabError(f"the lab's inventory has no host with lab_image: {image}; add one")


def content_key(lab: Path, profile: Profile, lab_id: str | None) -> str:
    """A hash of all that makes a profile: what its files hold, and the profile it is built on.

    The images are not in it: they are part of every snapshot's identity.

    Args:
        lab: the directory that ``made_by`` starts from.
        profile: which one.
        lab_id: this checkout's lab, if it has been created.
    """
    parts: list[object] = [[str(path), _digest(lab / path)] for path in _sources(lab, profile)]
    if profile.holds_secrets:
        parts.append(lab_id)
    if profile.on:
        parts.append(content_key(lab, profile.on, lab_id))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sources(lab: Path, profile: Profile) -> Iterator[Path]:
    """Every file of a profile, by its path below ``lab``."""
    skipped = {"node_modules", "__pycache__"}
    for name in profile.made_by:
        for path in sorted([lab / name, *(lab / name).rglob("*")]):
            inside = path.relative_to(lab)
            if path.is_file() and not skipped & set(inside.parts):
                yield inside
