"""Database certificate authorities that lie on this host: which of them nothing names any more."""

from __future__ import annotations

import re
from pathlib import Path

from hostswitch.base.errors import HostError
from hostswitch.base.files import read_regular
from hostswitch.host import Host
from hostswitch.pm2 import dump
from hostswitch.service import pointers

_OURS = re.compile(r"database-ca(\.[0-9a-f]{16})?\.crt")
_LARGEST = 64 << 20
_DAILY_PLAN = "daily-check.json"


def unused(host: Host) -> list[Path]:
    """Files of authorities, staged by rollouts, that no settings, dump or plan here names.

    None where one of those can't be read: it may name any.
    """
    declared = host.plan.database.sslrootcert
    if declared is None or not Path(declared).parent.is_dir():
        return []
    env = host.plan.env_live
    places = [Path(env), Path(host.plan.env_next), pointers.previous(env)]
    places += [Path(host.plan.pm2_home, name) for name in dump.NAMES]
    try:
        texts = [
            read_regular(path, _LARGEST)
            for path in (*places, Path(declared).with_name(_DAILY_PLAN))
        ]
    except HostError:
        return []
    named = b"\n".join([declared.encode(), *filter(None, texts)])
    there = sorted(path for path in Path(declared).parent.iterdir() if _OURS.fullmatch(path.name))
    return [path for path in there if str(path).encode() not in named]
