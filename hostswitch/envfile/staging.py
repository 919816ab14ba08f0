"""``baileys-hostswitch env``: stage the next .env beside the live one, for a switch to move into place.

Only the lines whose value changes are changed, everything else stays byte for byte, and every edit is read
back with dotenv's own grammar before it counts. Where the live file is as declared already, none is staged.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hostswitch.base.errors import HostError
from hostswitch.base.files import read_regular, replace_file, see
from hostswitch.base.structured import AbsolutePath, Line
from hostswitch.envfile.dotenv import Assignment, assignments, bytes_of, text_of
from hostswitch.envfile.values import differences, parse, repeated

_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
LARGEST_ENV_BYTES = 1 << 20
WOULD_STAGE = "would stage"


@dataclass(frozen=True)
class EnvPlan:
    """What the next .env must hold; ``settings`` may hold secrets and is never printed."""

    env_live: AbsolutePath
    env_next: AbsolutePath
    service_user: Line
    settings: Mapping[str, str] = field(repr=False)
    secret_names: tuple[str, ...]
    never_secret: tuple[str, ...]


@dataclass(frozen=True)
class Staging:
    """`changes` as name, from and to, secrets masked."""

    outcome: str
    changes: list[dict[str, str | None]]


def stage(plan: EnvPlan, check_only: bool) -> Staging:
    """Stage the live file with the settings in it, if that changes it. Raises HostError: it can't be."""
    live = read_env(plan.env_live)
    _demand_once(plan, live)
    wanted = edited(live, plan.settings)
    if wanted == live:
        _demand_private(plan)
    plain = plan.settings.keys() - set(plan.secret_names)
    found = differences(parse(live), parse(wanted), plain, plan.never_secret)
    changes = [difference.as_json() for difference in found]
    staged = _is_staged(plan, wanted) if wanted != live else not Path(plan.env_next).exists()
    if not check_only and not staged:
        _stage(plan, live, wanted)
    outcome = "nothing to do" if staged else WOULD_STAGE if check_only else "staged"
    return Staging(outcome, changes)


def _stage(plan: EnvPlan, live: bytes, wanted: bytes) -> None:
    if wanted == live:
        Path(plan.env_next).unlink()  # staged once, no longer declared
        return
    user = pwd.getpwnam(plan.service_user)
    replace_file(Path(plan.env_next), wanted, 0o600, (user.pw_uid, user.pw_gid))


def _is_staged(plan: EnvPlan, wanted: bytes) -> bool:
    try:
        status = os.stat(plan.env_next, follow_symlinks=False)
        owner = pwd.getpwnam(plan.service_user).pw_uid
    except (FileNotFoundError, KeyError):
        return False
    as_declared = status.st_mode & 0o7777 == 0o600 and status.st_uid == owner
    return as_declared and read_env(plan.env_next) == wanted


def _demand_once(plan: EnvPlan, live: bytes) -> None:
    """A declared name must not stand twice: whoever edits the first line changes nothing."""
    twice = {name: lines for name, lines in repeated(live).items() if name in plan.settings}
    if twice:
        said = "; ".join(
            f"{name} in lines {' and '.join(str(line) for line in lines)}"
            for name, lines in twice.items()
        )
        raise HostError(
            f"{plan.env_live} sets a name more than once, and only the last counts: {said}. "
            f"Take the others out: nano +{min(min(lines) for lines in twice.values())} "
            f"{shlex.quote(plan.env_live)}"
        )


def _demand_private(plan: EnvPlan) -> None:
    """A file that is to stay as it is must be the service's and private; a new one always is."""
    try:
        status = os.stat(plan.env_live, follow_symlinks=False)
        user = pwd.getpwnam(plan.service_user)
    except (FileNotFoundError, KeyError):
        return
    if (status.st_uid, status.st_mode & 0o7777) != (user.pw_uid, 0o600):
        raise HostError(
            f"{plan.env_live} has owner {status.st_uid} and mode {status.st_mode & 0o7777:04o}, and "
            f"must be {plan.service_user}'s alone. Mend it: chown -h {plan.service_user}: "
            f"{shlex.quote(plan.env_live)} && chmod 600 {shlex.quote(plan.env_live)}"
        )


def read_env(path: str) -> bytes:
    """A regular file's content, if any. Raises HostError: it is a link, no text, or too large for an .env."""
    if os.path.islink(path):
        # Not "copy it": root would copy what that user could not read, and give it to him.
        raise HostError(
            f"{path} is a symlink to {os.readlink(path)}; a switch would replace the link and leave "
            f"its target behind. Have the service's user put the file itself there. See: {see(path)}"
        )
    content = read_regular(path, LARGEST_ENV_BYTES)
    if content is None:
        return b""
    if b"\0" in content:
        raise HostError(f"{path} holds NUL bytes, so it is no text. See: {see(path)}")
    return content


class UnwritableValueError(HostError):
    """No spelling brings a value through dotenv unchanged; its name alone is told."""


def edited(content: bytes, settings: Mapping[str, str]) -> bytes:
    """The file with these settings in it, the file itself where they are. Raises UnwritableValueError."""
    text = before = text_of(content)
    for name, value in settings.items():
        text = _with_setting(text, name, value)
    return content if text == before else bytes_of(text)


def _with_setting(text: str, name: str, value: str) -> str:
    found = assignments(text)
    wanted = {one.name: one.value for one in found}
    if wanted.get(name) == value:
        return text
    wanted[name] = value
    last = next((one for one in reversed(found) if one.name == name), None)
    for candidate in _candidates(text, last, name, value):
        if {one.name: one.value for one in assignments(candidate)} == wanted:
            return candidate
    raise UnwritableValueError(
        f"{name}: its value can't be written into the .env so that the service reads it back "
        "unchanged. Give it without mixing quotes, # and line ends"
    )


def _candidates(text: str, last: Assignment | None, name: str, value: str) -> Iterator[str]:
    """Ways to write it, the least change first.

    In its place (a later line wins), else as a line at the end, or at the beginning where a line
    after the last one would change what that says (``x:`` sets nothing unless a blank follows).
    """
    spellings = list(_spellings(value))
    if last is not None:
        for spelled in spellings:
            yield text[: last.start] + spelled + text[last.end :]
            yield f"{text[: last.start]} {spelled}{text[last.end :]}"  # a colon wants a blank
    newline = "\r\n" if "\r\n" in text else "\n"
    separator = "" if not text or text.endswith(("\n", "\r")) else newline
    for spelled in spellings:
        yield f"{text}{separator}{name}={spelled}{newline}"
    for spelled in spellings:
        yield f"{name}={spelled}{newline}{text}"


def _spellings(value: str) -> Iterator[str]:
    """How a value may be written, the plainest first; what dotenv makes of it is for the caller."""
    if "\0" in value or any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        return  # neither a file of text nor a process's environment can hold these
    if _BARE.fullmatch(value):
        yield value
    for quote in "'`":
        if quote not in value:
            yield f"{quote}{value}{quote}"
    if '"' not in value:
        # A carriage return as it is would be read as a line end.
        yield '"' + value.replace("\n", "\\n").replace("\r", "\\r") + '"'
        yield f'"{value}"'
    yield value
