"""Facts and operations that pyinfra does not have."""

import json
from collections.abc import Iterator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from pyinfra.facts.files import Directory

from roles.hostprogram.command import PROGRAM, ZIPAPP
from roles.shared.files import FileDigests
from roles.shared.shell import Lines, script

FROM_NPM = "/usr/local/"
"""Where Debian's npm installs for the whole host, and where programs are looked for first."""
# Of the same time as Node.js 20.19, and for it.
NPM = "10.9.4"

# Put back is an end like any other here; what is still open afterwards is not.
END_OPEN_SWITCH = (
    'journal=$1; shift; code=0; "$@" || code=$?; [ ! -s "$journal" ] || { echo "a switch is open on '
    "this host and its program could not end it, so the program is not replaced. See: "
    'baileys-hostswitch status. Then: baileys-hostswitch resume" >&2; '
    '[ "$code" -ne 0 ] || code=1; exit "$code"; }'
)

# It gets its name when it is whole and on the disk: a boot may need it next. Of the others only the
# one that is named stays, which may be at work. What can't be compiled, Python compiles when it is needed.
UNPACK = (
    'set -eu; umask 022; new="$2.new"; rm -rf "$new"; python3 -I -m zipfile -e "$1" "$new"; '
    'python3 -I -m compileall -q "$new" || :; sync -f "$new"; mv -T "$new" "$2"; sync "${2%/*}"; '
    'for other in "${2%/*}"/*/; do other=${other%/}; [ "$other" = "$2" ] || '
    'grep -qsF "$other " "$3" || rm -rf "$other"; done'
)


class GlobalNpmVersion(FactBase[str | None]):
    """Version of an npm package installed for the whole host, or None.

    Read from its ``package.json``: ``npm ls -g`` takes a second, and pyinfra's own fact misreads
    scoped names (docs/facts.md section 5, "Custom operations and facts").
    """

    def command(self, package: str) -> StringCommand:
        manifest = f"{FROM_NPM}lib/node_modules/{package}/package.json"
        return StringCommand("cat", QuoteString(manifest), "2>/dev/null", "||", "true")

    def process(self, output: list[str]) -> str | None:
        text = "".join(output)
        return str(json.loads(text)["version"]) if text else None


class NodeProgram(Lines):
    """Which Node.js the host's programs find: its path and its version without `v`, or nothing."""

    def command(self) -> str:
        return "command -v node && node --version || true"

    def process(self, output: list[str]) -> list[str]:
        return [line.removeprefix("v") for line in output]


class Account(FactBase[dict[str, str] | None]):
    """Home directory and shell of a user, or None.

    pyinfra's own fact describes every user of the host, with a dozen processes for each.
    """

    def command(self, user: str) -> StringCommand:
        return StringCommand("getent passwd", QuoteString(user), "||", "true")

    def process(self, output: list[str]) -> dict[str, str] | None:
        fields = "".join(output).split(":")
        return {"home": fields[5], "shell": fields[6]} if len(fields) == 7 else None


class EnabledUnits(Lines):
    """Which of some systemd units are enabled, in their order."""

    def command(self, units: list[str]) -> StringCommand:
        each = 'systemctl -q is-enabled "$unit" 2>/dev/null && echo "$unit"'
        return script(f"for unit; do {each}; done; true", *units)


@operation()
def global_npm_package(package: str, version: str) -> Iterator[StringCommand]:
    """Install one version of an npm package for the whole host."""
    if host.get_fact(GlobalNpmVersion, package=package) == version:
        host.noop(f"{package} {version} is installed")
        return
    yield StringCommand(
        "npm install --global --no-fund --no-audit --no-update-notifier",
        QuoteString(f"{package}@{version}"),
    )


@operation()
def node_program(version: str) -> Iterator[StringCommand]:
    """Install Node.js of an exact version from the npm registry, where the host's own is too old."""
    found = host.get_fact(NodeProgram)
    if found and serves(*found, wanted=version):
        host.noop(f"{found[0]} is {found[1]}")
        return
    # Debian's npm runs with Debian's Node.js only, so the other one gets an npm of its own.
    built_for = """node-$(node -p 'process.platform + "-" + process.arch')@"""
    yield StringCommand(
        "npm install --global --no-fund --no-audit --no-update-notifier",
        StringCommand(built_for, QuoteString(version), _separator=""),
        f"npm@{NPM}",
    )


def serves(path: str, version: str, *, wanted: str) -> bool:
    """Whether a Node.js will do; one from npm must be of just that version, another of its major."""
    if path.startswith(FROM_NPM):
        return version == wanted
    found, least = (int(one.partition(".")[0]) for one in (version, wanted))
    return found >= least


@operation()
def user_present(user: str, home: str, shell: str) -> Iterator[StringCommand]:
    """Have a user with this home directory and shell, and a group of the same name.

    The directory is made with the user; an existing user's files are not moved.
    """
    found = host.get_fact(Account, user=user)
    if found == {"home": home, "shell": shell}:
        host.noop(f"{user} is there")
        return
    command = "usermod --home" if found else "useradd --create-home --user-group --home-dir"
    yield StringCommand(command, home, "--shell", shell, user)


@operation()
def open_switch_ended(sha256: str, journal: str) -> Iterator[StringCommand]:
    """Have the installed host program end a switch that was cut off, before another replaces it.

    The journal is the word of the version that wrote it; another one may not understand it. Where the
    program stays the same (``sha256`` is of what PROGRAM is to hold), the switch's own step ends it.
    """
    digests = host.get_fact(FileDigests, paths=[PROGRAM, journal])
    installed = digests.get(PROGRAM, {}).get("sha256")
    if journal not in digests or installed in (None, sha256):
        host.noop("no switch is open, or the program that began it stays")
        return
    # Detached like a switch: a controller that dies must not leave the service down.
    detached = ["systemd-run", "--quiet", "--collect", "--wait", "--pipe"]
    yield script(END_OPEN_SWITCH, journal, *detached, PROGRAM, "resume")


@operation()
def program_unpacked(place: str) -> Iterator[StringCommand]:
    """Have the host program unpacked and compiled, so that it starts fast; nothing names it yet."""
    if host.get_fact(Directory, path=place):
        host.noop("it is unpacked")
        return
    yield script(UNPACK, ZIPAPP, place, PROGRAM)


@operation()
def enabled_units(units: list[str]) -> Iterator[StringCommand]:
    """Enable systemd units whose files exist, without starting them."""
    enabled = host.get_fact(EnabledUnits, units=units)
    missing = [unit for unit in units if unit not in enabled]
    if not missing:
        host.noop("the units are enabled")
        return
    yield StringCommand("systemctl daemon-reload && systemctl enable --quiet", *missing)


@operation()
def pm2_boot_unit(user: str, home: str) -> Iterator[StringCommand]:
    """Let systemd bring PM2 and its saved apps back at boot, as the service's user."""
    unit = f"pm2-{user}.service"
    if unit in host.get_fact(EnabledUnits, units=[unit]):
        host.noop(f"{unit} is enabled")
        return
    # PM2 names, writes and enables the unit itself (docs/facts.md section 3).
    yield StringCommand("pm2 startup systemd -u", QuoteString(user), "--hp", QuoteString(home))
