"""`python -m lab`: the lab's command line."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence

from lab.fleet import fleet, hosts
from lab.fleet.status import status
from lab.machine.remote import ssh_argv
from lab.place import LabError
from lab.profiles import profiles
from lab.profiles.profile import Profile

EPILOG = """\
exit codes: 0 done · 1 it could not be done (one sentence on standard error) · 2 wrong usage;
            status: 0 every host is up, 3 some host is not; ssh: that of the command over there.

There is one lab a machine, kept in /var/lib/baileys-rollout-lab; images and snapshots are cached in
/var/cache/baileys-rollout-lab. Keys and passwords of this checkout's lab are in .lab/.

profiles:
"""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar, which is also its help."""
    top = argparse.ArgumentParser(
        prog="python -m lab",
        description="Disposable Debian hosts on this machine, as inventory/lab.yml names them.",
        epilog=EPILOG + "".join(map(_described, profiles.PROFILES.values())),
        formatter_class=_help_format,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND [ARG …]")
    add = commands.add_parser
    up = add("up", help="boot every host that is not up; builds the images the first time")
    up.add_argument(
        "profile",
        nargs="?",
        metavar="PROFILE",
        help=f"bring hosts that are still clean into it: {', '.join(profiles.PROFILES)}",
    )
    up.add_argument(
        "--no-take-over",
        action="store_true",
        help="refuse instead of ending another checkout's lab",
    )
    add("down", help="end the hosts, their disks, bridge and rules; images and snapshots stay")
    show = add("status", help="what runs, and whose lab it is")
    show.add_argument("--json", action="store_true", help="one JSON object")
    ssh = add("ssh", help="log in, or run a command: ssh HOST [COMMAND …]")
    ssh.add_argument("host")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    reset = add(
        "reset", help="throw away what the hosts wrote: back to a profile, or to clean ones"
    )
    reset.add_argument(
        "profile",
        nargs="?",
        metavar="PROFILE",
        help=f"{', '.join(profiles.PROFILES)} (built if need be), or a snapshot's name",
    )
    add("snapshot", help="keep the hosts' disks under a name").add_argument("name")
    for name, text in (
        ("power-cut", "kill a host as a power cut would, then boot it on the same disk"),
        ("cut-off", "pull a host's network cable"),
        ("reconnect", "plug it in again"),
    ):
        fault = add(name, help=text)
        fault.add_argument("host")
        if name == "power-cut":
            fault.add_argument("--no-boot", action="store_true", help="leave it off")
    return top


def _described(profile: Profile) -> str:
    return f"  {profile.name:<21} {profile.summary}\n"


def _help_format(prog: str) -> argparse.HelpFormatter:
    # Wide enough that every command stands on the line of its explanation.
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=16, width=100)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    # `kill PID`, which another checkout's refusal names, must clean up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        again = " ".join(sys.argv[1:] if argv is None else argv)
        print(f"lab: interrupted; `python -m lab {again}` goes on from here", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "up":
            _up(arguments.profile, take_over=not arguments.no_take_over)
        case "down":
            hosts.down()
        case "status":
            return _status(as_json=arguments.json)
        case "ssh":
            _ssh(arguments.host, arguments.words)
        case "reset":
            _reset(arguments.profile)
        case "snapshot":
            hosts.snapshot(arguments.name, place=hosts.current())
        case "power-cut":
            boot_again = not arguments.no_boot
            hosts.power_cut(arguments.host, boot_again=boot_again, place=hosts.current())
        case "cut-off":
            hosts.cut_off(arguments.host, place=hosts.current())
        case "reconnect":
            hosts.reconnect(arguments.host, place=hosts.current())
    return 0


def _up(profile: str | None, *, take_over: bool) -> None:
    if profile is None:
        hosts.up(take_over=take_over, place=hosts.current())
    else:
        profiles.up(profile, take_over=take_over)


def _reset(profile: str | None) -> None:
    if profile in profiles.PROFILES:
        profiles.reset(profile)
    else:
        hosts.reset(profile, place=hosts.current())


def _ssh(host: str, words: list[str]) -> None:
    place = hosts.current()
    spec = fleet.spec_of(fleet.declared(place), host)
    command = ssh_argv(place, spec, " ".join(words) or None)
    os.execvp(command[0], command)


def _status(*, as_json: bool) -> int:
    now = status(hosts.current())
    if as_json:
        print(json.dumps(now.as_json(), indent=1))
    else:
        print("\n".join(now.lines()))
    return 0 if now.up else 3
