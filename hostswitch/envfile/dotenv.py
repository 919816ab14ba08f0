"""The grammar of the npm package `dotenv` (16.x), to the letter: what it reads, and where it stands.

Its two regular expressions are spelled out here, because Python's `\\s`, `\\w`, `.`, `^` and `$` are
not JavaScript's: there white space includes the byte order mark, lines also end at U+2028 and
U+2029, and white space around `=` may span lines. tests/switch compares with the real package.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

_ENDS = "\n\r\u2028\u2029"
_BLANKS = "\t\v\f \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff"
_SPACE = f"[{_BLANKS}{_ENDS}]"
_FIRST = f"(?<![^{_ENDS}])"  # JavaScript's ^ with the flag m
_LAST = f"(?![^{_ENDS}])"  # its $
_WHITE = "\t\v\f \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
JS_TRIM = f"{_WHITE}\u202f\u205f\u3000\ufeff{_ENDS}"
"""What JavaScript's `trim` takes off."""

# dotenv begins with `\s*`; blanks within the line are the same here, without its quadratic search.
_LINE = re.compile(
    rf"{_FIRST}[{_BLANKS}]*(?:export{_SPACE}+)?(?P<name>[A-Za-z0-9_.-]+)"
    rf"(?P<sign>{_SPACE}*={_SPACE}*?|:{_SPACE}+?)"
    rf"(?P<value>{_SPACE}*'(?:\\'|[^'])*'|{_SPACE}*\"(?:\\\"|[^\"])*\""
    rf"|{_SPACE}*`(?:\\`|[^`])*`|[^#\r\n]+)?"
    rf"{_SPACE}*(?:#[^{_ENDS}]*)?{_LAST}"
)
_OPENING = re.compile(rf"{_FIRST}['\"`]")
_CLOSING = re.compile(rf"['\"`]{_LAST}")


@dataclass(frozen=True)
class Assignment:
    """One assignment of an .env file.

    Args:
        name: what is set.
        value: as dotenv reads it; never to be logged.
        line: the line it begins in, from 1.
        start: where its value is written, blanks left out; positions in the file's text.
        end: where that ends; `start` where nothing is written.
    """

    name: str
    value: str
    line: int
    start: int
    end: int


def text_of(content: bytes) -> str:
    """A file's text, of which `bytes_of` makes the same bytes again, whatever they are."""
    return content.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """The inverse of `text_of`."""
    return text.encode("utf-8", "surrogateescape")


def assignments(text: str) -> list[Assignment]:
    """Everything that an .env file sets, in its order; dotenv's own result is the last of each name."""
    # dotenv makes every line end a \n first; positions are counted back into the text as it is.
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    pairs = [found.start() - count for count, found in enumerate(re.finditer("\r\n", text))]
    found, line, counted = [], 1, 0
    for match in _LINE.finditer(plain):
        written = match["value"] or ""
        start = match.end("sign") if match["value"] is None else match.start("value")
        start += len(written) - len(written.lstrip(JS_TRIM))
        end = start + len(written.strip(JS_TRIM))
        # A value that is nothing but blanks stands directly behind its sign.
        start, end = (start, end) if end > start else (match.end("sign"), match.end("sign"))
        line += plain.count("\n", counted, match.start("name"))
        counted = match.start("name")
        found.append(
            Assignment(
                match["name"],
                _value(written),
                line,
                start + bisect_left(pairs, start),
                end + bisect_left(pairs, end),
            )
        )
    return found


def _value(written: str) -> str:
    value = written.strip(JS_TRIM)
    first = value[:1]
    value = _unquoted(value)
    if first == '"':
        value = value.replace("\\n", "\n").replace("\\r", "\r")
    # What is no UTF-8 reaches the service as the replacement character.
    return bytes_of(value).decode("utf-8", "replace")


def _unquoted(value: str) -> str:
    """The value without its quotes: dotenv's ``^(['"`])([\\s\\S]*)\\1$``, with the flags m and g.

    That goes to the last place where a quote can end; looked for once, not from each that begins.
    """
    last = {found[0]: found.start() for found in _CLOSING.finditer(value)}
    parts, done = [], 0
    for opening in _OPENING.finditer(value):
        start, end = opening.start(), last.get(opening[0], 0)
        if done <= start < end:
            parts += [value[done:start], value[start + 1 : end]]
            done = end + 1
    return "".join([*parts, value[done:]])
