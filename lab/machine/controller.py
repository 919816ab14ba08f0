"""What a host must share with the controller to reach the package registries from here.

A machine behind a proxy, a mirror or a certificate authority of its own has that in its apt and npm
settings; hosts get the same, so nothing about any registry is written down in this project.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from lab.place import LabError
from lab.tools import run

SUITE = "{suite}"
"""Stands for the Debian release in a package source: hosts run several."""
AUTHORITIES = Path("/usr/local/share/ca-certificates")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"

_APT = re.compile(
    r'^Acquire::(?:https?::(?:Proxy|CaInfo|Verify\S*)|Check-Valid-Until|Check-Date|Retries)\b.* "'
)
_NPM = ("registry", "proxy", "https-proxy", "noproxy", "cafile", "strict-ssl")


@dataclass(frozen=True)
class Surroundings:
    """The controller's package settings, as far as hosts need them."""

    apt: tuple[str, ...]
    sources: tuple[str, ...]
    npm: tuple[str, ...]
    authorities: tuple[tuple[str, str], ...]


def surroundings() -> Surroundings:
    """Read the controller's settings as they are now."""
    fields = "$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)"
    return Surroundings(
        apt=apt_lines(run(["apt-config", "dump"])),
        sources=sources(run(["apt-get", "indextargets", "--format", fields])),
        npm=npm_lines([_text(Path("/etc/npmrc")), _text(Path.home() / ".npmrc")]),
        authorities=tuple((path.name, path.read_text()) for path in authority_files()),
    )


def authority_files() -> list[Path]:
    """Certificate authorities that the controller trusts beyond Debian's."""
    return sorted(AUTHORITIES.glob("*.crt"))


def apt_lines(dump: str) -> tuple[str, ...]:
    """The lines of ``apt-config dump`` that say how to reach a repository."""
    return tuple(
        line for line in dump.splitlines() if _APT.match(line) and not line.endswith('"";')
    )


def sources(targets: str) -> tuple[str, ...]:
    """Package sources for the hosts: the controller's own mirror, the release left open (``SUITE``).

    None where the controller has no Debian sources: mmdebstrap knows Debian's mirror by itself.

    Args:
        targets: lines ``ORIGIN COMPONENT CODENAME URI`` from ``apt-get indextargets``.
    """
    mirrors: dict[bool, str] = {}
    for line in targets.splitlines():
        origin, component, codename, uri = (line.split(" ") + [""] * 4)[:4]
        if origin == "Debian" and component == "main":
            mirrors.setdefault(codename.endswith("-security"), uri)
    if False not in mirrors:
        return ()
    main = [f"deb {mirrors[False]} {suite} main" for suite in (SUITE, f"{SUITE}-updates")]
    security = [f"deb {mirrors[True]} {SUITE}-security main"] if True in mirrors else []
    return tuple(main + security)


def npm_lines(files: Sequence[str]) -> tuple[str, ...]:
    """Where npm looks and whom it trusts; later files win. Credentials are not copied."""
    chosen: dict[str, str] = {}
    for text in files:
        parser = configparser.ConfigParser(
            delimiters="=", interpolation=None, strict=False, allow_no_value=True
        )
        parser.read_string("[npm]\n" + text)
        chosen.update({key: value for key, value in parser.items("npm") if value and key in _NPM})
    chosen.update({key: os.environ[name] for key in _NPM for name in _npm_names(key)})
    if "cafile" in chosen:
        chosen["cafile"] = BUNDLE
    return tuple(f"{key}={value}" for key, value in sorted(chosen.items()))


def _npm_names(key: str) -> list[str]:
    name = f"npm_config_{key.replace('-', '_')}"
    return [spelling for spelling in (name, name.upper()) if spelling in os.environ]


def resolver() -> str:
    """The controller's resolv.conf, in a form that works from another address.

    Raises:
        LabError: the only name servers are on the controller's loopback.
    """
    for path in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        text = _text(path)
        if reachable_name_servers(text):
            return text
    raise LabError(
        "the hosts can't resolve names: /etc/resolv.conf names only servers on loopback; "
        "put a name server there that other machines reach"
    )


def reachable_name_servers(text: str) -> list[str]:
    """The name servers of a resolv.conf that are not on loopback."""
    named = [line.split()[1] for line in text.splitlines() if re.match(r"nameserver\s+\S", line)]
    return [server for server in named if not ip_address(server.split("%")[0]).is_loopback]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
