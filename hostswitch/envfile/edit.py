"""Edit an .env file: only the lines whose value changes are changed, everything else byte for byte.

Every edit is read back with dotenv's own grammar before it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hostswitch.base.errors import HostError
from hostswitch.envfile.dotenv import Assignment, assignments, bytes_of, text_of

_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


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
