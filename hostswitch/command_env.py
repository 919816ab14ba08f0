"""``baileys-hostswitch env``: stage the next .env beside the live one.

A switch moves it into place; where the live file is as declared already, none is staged.
"""

from __future__ import annotations

import json
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hostswitch.envedit import edited
from hostswitch.envfile import differences, parse
from hostswitch.errors import CHANGES, OK, HostError
from hostswitch.output import emit

LARGEST_ENV_BYTES = 1 << 20


@dataclass(frozen=True)
class EnvPlan:
    """What the next .env must hold; ``settings`` may hold secrets and is never printed."""

    env_live: str
    env_next: str
    service_user: str
    settings: dict[str, str]
    secret_names: tuple[str, ...]


def read_plan(text: str) -> EnvPlan:
    """The plan on standard input.

    Raises:
        HostError: it is no such plan.
    """
    try:
        fields = json.loads(text)
        return EnvPlan(
            fields["env_live"],
            fields["env_next"],
            fields["service_user"],
            {str(name): str(value) for name, value in fields["settings"].items()},
            tuple(fields["secret_names"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostError(f"the env plan on standard input is not understood: {error!r}") from None


def stage_env(plan: EnvPlan, check_only: bool) -> int:
    """Stage the live file with the settings in it, if that changes it; say what changes.

    Args:
        plan: what is declared.
        check_only: change nothing.

    Returns:
        With ``check_only`` 0 where nothing is to be staged and 2 where something is; else 0.
    """
    live = _read(plan.env_live)
    wanted = edited(live, plan.settings)
    plain = {name: value for name, value in plan.settings.items() if name not in plan.secret_names}
    changes = [
        difference.as_json() for difference in differences(parse(live), parse(wanted), plain)
    ]
    staged = _is_staged(plan, wanted) if wanted != live else not Path(plan.env_next).exists()
    if not check_only and not staged:
        _stage(plan, live, wanted)
    outcome = "nothing to do" if staged else "would stage" if check_only else "staged"
    emit("result", outcome=outcome, changes=changes)
    return CHANGES if check_only and not staged else OK


def _stage(plan: EnvPlan, live: bytes, wanted: bytes) -> None:
    if wanted == live:
        Path(plan.env_next).unlink()  # staged once, no longer declared
        return
    user = pwd.getpwnam(plan.service_user)
    # A private name first: the file never exists half-written or readable by others.
    descriptor, temporary = tempfile.mkstemp(prefix=".env.", dir=Path(plan.env_next).parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(wanted)
            file.flush()
            os.fchown(descriptor, user.pw_uid, user.pw_gid)
            os.fsync(descriptor)
        os.replace(temporary, plan.env_next)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _is_staged(plan: EnvPlan, wanted: bytes) -> bool:
    try:
        status = os.stat(plan.env_next, follow_symlinks=False)
        owner = pwd.getpwnam(plan.service_user).pw_uid
    except (FileNotFoundError, KeyError):
        return False
    as_declared = status.st_mode & 0o7777 == 0o600 and status.st_uid == owner
    return as_declared and _read(plan.env_next) == wanted


def _read(path: str) -> bytes:
    """A regular file's content, empty where there is none.

    Raises:
        HostError: it is a link, no regular file, or too large to be an .env.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise HostError(f"{path} can't be read: {error.strerror}. See: ls -l {path}") from None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise HostError(f"{path} is no regular file. See: ls -l {path}")
        content = file.read(LARGEST_ENV_BYTES + 1)
    if len(content) > LARGEST_ENV_BYTES:
        raise HostError(f"{path} is larger than 1 MiB, which is no .env. See: ls -l {path}")
    return content
