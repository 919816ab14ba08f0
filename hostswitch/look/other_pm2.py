"""PM2's dumps of other users, and in other places: what one of them starts at boot is a second socket."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shlex
from pathlib import Path

from hostswitch.base.errors import Refusal
from hostswitch.base.files import rights_of
from hostswitch.plan import Plan
from hostswitch.pm2 import dump
from hostswitch.pm2.app import ONLINE

_LONGEST, _MOST = 200, 20  # Any user of the host writes them.
_UNITS = Path("/etc/systemd/system")
_HOME = re.compile(r"^Environment=\"?PM2_HOME=([^\"\n]+)", re.MULTILINE)


def refusals(plan: Plan) -> list[Refusal]:
    """Apps of the application directory that a PM2 which is not the plan's would start at boot."""
    found, app_dir = [], os.path.realpath(plan.app_dir)
    for home, user in sorted(_homes(plan).items()):
        for app in _saved(home, user):
            places = (app.get("pm_cwd"), app.get("pm_exec_path"))
            ours = any(
                isinstance(one, str)
                and "\0" not in one
                and f"{os.path.realpath(one)}/".startswith(f"{app_dir}/")
                for one in places
            )
            if ours and app.get("status") in ONLINE:
                name = str(app.get("name"))[:_LONGEST]
                what = (
                    f"the PM2 of {user} starts {name} from here at boot: two sockets on one account"
                )
                remedy = (
                    f"As {user}: export PM2_HOME={shlex.quote(home)}; pm2 delete {shlex.quote(name)};"
                    " pm2 save --force"
                )
                found.append(Refusal("pm2", what, home, remedy))
    return found[:_MOST]


def _homes(plan: Plan) -> dict[str, str]:
    """PM2_HOME -> whose it is, but for the plan's own."""
    users = pwd.getpwall()
    homes = {os.path.realpath(f"{one.pw_dir}/.pm2"): one.pw_name for one in reversed(users)}
    for unit in _UNITS.glob("pm2-*.service"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            user = unit.stem.removeprefix("pm2-")
            homes.update({os.path.realpath(one): user for one in _HOME.findall(unit.read_text())})
    homes.pop(os.path.realpath(plan.pm2_home), None)
    return homes


def _saved(home: str, user: str) -> dump.Apps:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return []
    with rights_of((entry.pw_uid, entry.pw_gid)):
        return dump.surviving(Path(home))
