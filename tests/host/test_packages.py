"""Programs that the service and the host program need."""

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from .support.declared import HOST_COMMAND, HOST_PROGRAM, Declared
from .support.target import Target
from .support.wording import joined, not_checked, octal, problems

BAILEYS = "node_modules/@whiskeysockets/baileys/package.json"


def test_packages_are_installed(host: Any, declared: Declared) -> None:
    """A missing one stops the service's next start, the next switch, or its archive."""
    wanted = declared.texts("host_packages")
    shown = host.lines("dpkg-query -W -f '${Package} ${db:Status-Status}\\n'")
    # Debian names a library by its package even where a dependency asked for another provider.
    installed = {line.split()[0] for line in shown if line.endswith(" installed")}
    renamed = {name for name in wanted if f"{name}t64" in installed}
    missing = [name for name in wanted if name not in installed | renamed]
    assert not missing, f"not installed: {joined(missing)}"


def test_node_is_new_enough_for_baileys(target: Target) -> None:
    """An older Node.js ends the service at the first line of Baileys, at the next restart."""
    package = json.loads(target.content(f"{target.release}/{BAILEYS}"))
    wanted = re.search(r">=\s*(\d+)", package.get("engines", {}).get("node", ""))
    if wanted is None:
        not_checked(f"Baileys {package['version']} does not say which Node.js it needs")
    running = target.host.check_output("node --version", user=target.user)
    assert int(running.lstrip("v").split(".")[0]) >= int(wanted[1]), (
        f"Node.js is {running}, Baileys {package['version']} needs {wanted[1]} or newer"
    )


def test_node_is_the_declared_one_or_the_hosts_own(target: Target, declared: Declared) -> None:
    """A Node.js that somebody else put there goes its own way with the next update."""
    path = target.host.check_output("which node")
    running = target.host.check_output("node --version", user=target.user)
    version, wanted = running.lstrip("v"), declared.text("node_version")
    if path.startswith("/usr/local/"):
        assert version == wanted, f"{path} is {version}, declared is {wanted}"
    else:
        assert int(version.split(".")[0]) >= int(wanted.split(".")[0]), f"{path} is {version}"


def test_pm2_has_the_declared_version(target: Target, declared: Declared) -> None:
    """Everything known of PM2's stops and exit codes was measured with this version."""
    # `pm2 --version` may start a daemon, so its package is read instead.
    found = target.host.run("which pm2")
    assert found.rc == 0, "pm2 is not on the path"
    program = PurePosixPath(target.host.check_output("readlink -e %s", found.stdout.strip()))
    version = json.loads(target.content(str(program.parents[1] / "package.json")))["version"]
    assert version == declared.text("pm2_version"), f"pm2 is {version}"


@problems
def test_host_program_is_roots_alone(host: Any) -> Iterator[str]:
    """It runs as root: whoever can change it owns the host; without it nothing can be put back."""
    for path in (HOST_PROGRAM, HOST_COMMAND):
        file = host.file(str(path))
        if not file.exists:
            yield f"{path} is missing"
        elif (file.user, file.mode) != ("root", 0o755):
            yield f"{path} is {file.user}'s with mode {octal(file.mode)}"


def test_host_program_runs(host: Any) -> None:
    """A host program that does not start can neither finish nor put back an interrupted switch."""
    tried = host.run("%s --help", str(HOST_COMMAND))
    assert tried.rc == 0, f"{HOST_COMMAND} --help: {(tried.stderr.strip() or 'no reason')[-300:]}"
