"""Whether a lab can run on this machine at all, said in one sentence when it can't."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.place import LabError

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "age-keygen": "age",
    "openssl": "openssl",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "mount": "mount",
    "tar": "tar",
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SYS_ADMIN = 21  # capabilities(7), CAP_SYS_ADMIN
_NET_ADMIN = 12


def require() -> None:
    """Raise if something that the lab needs is missing.

    Raises:
        LabError: names all that is missing, and the command that mends it where there is one.
    """
    sentence = missing(shutil.which, os.geteuid(), _capabilities(), _kernel_knows("overlay"))
    if sentence:
        raise LabError(sentence)


def missing(
    which: Callable[[str], str | None], user: int, capabilities: int, overlay: bool
) -> str | None:
    """The sentence about what is missing, or None.

    Args:
        which: finds a program.
        user: the effective user id.
        capabilities: the effective capabilities as in /proc/self/status.
        overlay: whether the kernel has overlayfs.
    """
    if user != 0:
        return "the lab boots whole hosts and needs root; run the same command with sudo"
    for bit, name in ((_SYS_ADMIN, "CAP_SYS_ADMIN"), (_NET_ADMIN, "CAP_NET_ADMIN")):
        if not capabilities >> bit & 1:
            return (
                f"the lab can't run here: root lacks {name} (a container, most likely); "
                "use a virtual machine"
            )
    if not overlay:
        return "the lab can't run here: the kernel has no overlayfs; `modprobe overlay` loads it"
    packages = {package for program, package in PROGRAMS.items() if which(program) is None}
    if not KEYRING.exists():
        packages.add("debian-archive-keyring")
    if packages:
        return (
            f"the lab needs programs that are missing: apt-get install {' '.join(sorted(packages))}"
        )
    return None


def _capabilities() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("CapEff:")).split()[1], 16)


def _kernel_knows(filesystem: str) -> bool:
    names = [line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()]
    # A module that is not loaded yet is loaded by the first mount.
    modules = Path("/lib/modules") / os.uname().release / "kernel/fs/overlayfs"
    return filesystem in names or modules.is_dir()
