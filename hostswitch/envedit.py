"""Edit an .env file: only the lines whose value changes are changed, everything else byte for byte."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hostswitch.envfile import LINE, parse
from hostswitch.errors import HostError

_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


class UnwritableValueError(HostError):
    """A value that no spelling brings through dotenv unchanged."""


def edited(content: bytes, settings: Mapping[str, str]) -> bytes:
    """The file with these settings in it.

    Args:
        content: the file as it is, any bytes; empty for a new one.
        settings: NAME to value; names that are not here keep their lines.

    Returns:
        The new content. Where every value is there already, it is ``content`` itself.

    Raises:
        UnwritableValueError: a value can't be spelled so that dotenv reads it back; nothing but
            the name is in the message.
    """
    result = content
    for name, value in settings.items():
        if parse(result).get(name) != value:
            result = _with_setting(result, name, value)
    _assert_reads_back(content, result, settings)
    return result


def _assert_reads_back(before: bytes, after: bytes, settings: Mapping[str, str]) -> None:
    wanted = {**parse(before), **settings}
    found = parse(after)
    wrong = sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )
    if wrong:
        raise UnwritableValueError(
            f"{', '.join(wrong)}: this value can't be written into the .env so that the service"
            " reads it back unchanged. Give it without mixing all three kinds of quotes"
        )


def _with_setting(content: bytes, name: str, value: str) -> bytes:
    # latin-1 keeps every byte one character, so that match positions are byte positions; dotenv
    # sees the same names, quotes and line ends, which are all ASCII.
    text = content.decode("latin-1")
    spelled = _spelled(name, value).encode().decode("latin-1")
    found = [match for match in LINE.finditer(_same_length_line_ends(text)) if match[1] == name]
    if not found:
        newline = "\r\n" if "\r\n" in text else "\n"
        separator = "" if not text or text.endswith("\n") else newline
        return (text + separator + f"{name}={spelled}" + newline).encode("latin-1")
    start, end = _value_span(text, found[-1])  # a later line wins in dotenv
    return (text[:start] + spelled + text[end:]).encode("latin-1")


def _value_span(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Where the value stands, without the blanks around it; empty behind the sign if there is none."""
    if match[2] is None:
        sign = re.compile(r"[ \t]*[=:][ \t]*").match(text, match.end(1))
        position = sign.end() if sign else match.end(1)
        return position, position
    start, end = match.span(2)
    value = text[start:end]
    return end - len(value.lstrip(" \t")), start + len(value.rstrip(" \t\r"))


def _same_length_line_ends(text: str) -> str:
    """dotenv turns CRLF into LF first; a blank for the CR keeps every position where it was."""
    return text.replace("\r\n", " \n")


def _spelled(name: str, value: str) -> str:
    """The value as dotenv reads it back: bare where that is safe, else in quotes that it lacks."""
    if _BARE.fullmatch(value):
        return value
    for quote in "'`":
        if quote not in value:
            return f"{quote}{value}{quote}"
    if '"' not in value and "\\n" not in value and "\\r" not in value:
        return f'"{value}"'
    raise UnwritableValueError(
        f"{name}: its value holds every kind of quote, which dotenv can't read back. Change the value"
    )
