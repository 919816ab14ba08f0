"""The types that a variable in a role's ``defaults.yml`` may have, and what is wrong with a value.

Pure. A type yields every problem of a value with the place inside it (``[2].path``, ``.LOG_LEVEL``;
empty for the value itself), so that each can be shown at its own line. No problem ever shows a value
that could be a secret.
"""

from __future__ import annotations

import re
import shlex
import ssl
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import PurePosixPath
from typing import Any

from rollout.secret import Secret
from sessionstore.errors import without_identities

Spec = Mapping[str, Any]
Check = Callable[[Any, Spec], Iterator[tuple[str, str]]]
LONGEST_SHOWN = 60
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
HOST_NAME = r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST_NAME += r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"


def problems(value: Any, spec: Spec) -> Iterator[tuple[str, str]]:
    """Every problem of a variable's value: (place inside it, what is wrong there)."""
    if "default" in spec and spec["default"] == "" and value == "":
        return
    yield from TYPES[spec["type"]](value, spec)


def shown(value: Any) -> str:
    """A value for a message, cut to a length that a line holds."""
    text = without_identities(repr(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _scalar(good: Callable[[Any, Spec], bool], meaning: str) -> Check:

    def check(value: Any, spec: Spec) -> Iterator[tuple[str, str]]:
        if not good(value, spec):
            yield "", f"must be {meaning}, not {shown(value)}"

    return check


def _matching(pattern: str, meaning: str) -> Check:
    form = re.compile(pattern)
    return _scalar(lambda v, _: isinstance(v, str) and form.fullmatch(v) is not None, meaning)


def _is_address(value: Any, _: Spec) -> bool:
    return isinstance(value, str) and (_parses(ip_address, value) or _is_host_name(value))


def _is_host_name(value: str) -> bool:
    # Digits and dots alone would be an IPv4 address, and this one did not parse.
    return bool(re.fullmatch(HOST_NAME, value)) and not re.fullmatch(r"[\d.]+", value)


def _is_network(value: Any, _: Spec) -> bool:
    return isinstance(value, str) and "/" in value and _parses(ip_network, value)


def _parses(parse: Callable[[str], object], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


def _is_certificate(value: Any, _: Spec) -> bool:
    if not isinstance(value, str):
        return False
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=value)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _is_absolute_path(value: Any, _: Spec) -> bool:
    # These paths stand in systemd units, crontabs and shell commands: no blanks, no quotes.
    return (
        isinstance(value, str)
        and bool(re.fullmatch(r"(/[A-Za-z0-9._@+-]+)+", value))
        and not {".", ".."} & set(value.split("/"))
    )


def _is_inside(value: Any, _: Spec) -> bool:
    return (
        isinstance(value, str)
        and value.isprintable()
        and not {"", ".", ".."} & set(value.split("/"))
        and not PurePosixPath(value).is_absolute()
    )


def _is_recipient(value: Any, _: Spec) -> bool:
    if not isinstance(value, str):
        return False
    if value.startswith("ssh-"):
        return bool(re.fullmatch(r"ssh-(ed25519|rsa) [A-Za-z0-9+/]{40,}={0,2}( .*)?", value))
    return bool(re.fullmatch(rf"age1[a-z0-9-]*[{BECH32}]{{58,}}", value)) and _bech32_sum(value)


def _bech32_sum(text: str) -> bool:
    """Whether the checksum of an age public key is right (BIP 173): a mistyped one opens nothing."""
    prefix, _, data = text.rpartition("1")
    values = [ord(one) >> 5 for one in prefix] + [0] + [ord(one) & 31 for one in prefix]
    values += [BECH32.index(one) for one in data]
    check = 1
    for value in values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, step in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= step if top >> bit & 1 else 0
    return check == 1


def _is_ssh_options(value: Any, _: Spec) -> bool:
    """Nothing but ``-o NAME=VALUE`` and ``-J HOST``: a flag such as -A beats every ``-o`` before it."""
    if not isinstance(value, str) or not _parses(shlex.split, value):
        return False
    words = iter(shlex.split(value))
    return all(
        (word == "-o" and "=" in next(words, "")) or (word == "-J" and next(words, ""))
        for word in words
    )


def _text(value: Any, spec: Spec) -> Iterator[tuple[str, str]]:
    least = spec.get("shortest", 1)
    if not isinstance(value, str):
        yield "", f"must be a text, not {shown(value)}"
    elif len(value.strip()) < least or not value.isprintable():
        wanted = "a text" if least == 1 else f"a text of {least} characters or more"
        yield "", f"must be {wanted} on one line, not {shown(value)}"


def _secret(value: Any, _: Spec) -> Iterator[tuple[str, str]]:
    if value in ("", None) or value == Secret(""):
        yield "", "is empty; put it into the vault as vault_… and refer to it"
    elif not isinstance(value, str | Secret):
        yield "", "must be a text; put it into the vault in quotes"
    elif not isinstance(value, Secret):
        yield "", "stands in plain text; put it into the vault as vault_… and refer to it"


def _whole_number(value: Any, spec: Spec) -> Iterator[tuple[str, str]]:
    least, most = spec["minimum"], spec["maximum"]
    if not isinstance(value, int) or isinstance(value, bool):
        yield "", f"must be a whole number from {least} to {most}, not {shown(value)}"
    elif not least <= value <= most:
        yield "", f"must be from {least} to {most}, not {value}"


def _one_of(value: Any, spec: Spec) -> Iterator[tuple[str, str]]:
    if value not in spec["values"]:
        yield "", f"must be one of: {', '.join(map(str, spec['values']))}; not {shown(value)}"


def _list_of(check: Check) -> Check:
    def judge(value: Any, spec: Spec) -> Iterator[tuple[str, str]]:
        if not isinstance(value, list):
            yield "", f"must be a list, not {shown(value)}"
            return
        if len(value) < spec.get("at least", 0):
            yield "", "is empty"
        for number, item in enumerate(value):
            for place, problem in check(item, spec):
                yield f"[{number}]{place}", f"has an entry that {problem}"
            if item in value[:number]:
                yield f"[{number}]", f"holds an entry twice: {shown(item)}"

    return judge


def _mapping_of(name: str, meaning: str, check: Check) -> Check:
    """A mapping whose names match a pattern and whose values have a type."""

    def judge(value: Any, spec: Spec) -> Iterator[tuple[str, str]]:
        if not isinstance(value, Mapping):
            yield "", f"must be a mapping NAME: value, not {shown(value)}"
            return
        for key, item in value.items():
            if not re.fullmatch(name, str(key)):
                yield f".{key}", f"has a name that must be {meaning}, not {shown(key)}"
            for place, problem in check(item, spec):
                yield f".{key}{place}", f"{key} {problem}"

    return judge


def _plain_value(value: Any, _: Spec) -> Iterator[tuple[str, str]]:
    if not isinstance(value, str | bool | int | Secret):
        yield "", f"must be a text, a whole number, true or false, not {shown(value)}"
    elif isinstance(value, str) and not value.isprintable():
        yield "", f"must be one line, not {shown(value)}"


def _directory(value: Any, spec: Spec) -> Iterator[tuple[str, str]]:
    known = ("path", "kind", "acknowledge", "companies", "litter")
    if not isinstance(value, Mapping) or set(value) - {*known}:
        yield "", f"must be {{{', '.join(known)}}}, not {shown(value)}"
        return
    yield from _of("path", INSIDE(value.get("path"), spec))
    if value.get("kind") not in ("live", "backup", "test"):
        yield ".kind", f"kind must be live, backup or test, not {shown(value.get('kind'))}"
    if value.get("acknowledge") is not None:
        yield from _of("acknowledge", _acknowledgement(value["acknowledge"]))
    yield from _of("companies", _whose(value.get("companies") or {}))
    yield from _of("litter", _list_of(_text)(value.get("litter") or [], {}))


def _of(name: str, found: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for place, problem in found:
        yield f".{name}{place}", f"{name} {problem}"


def _whose(value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield "", f"must be {{DIRECTORY: ID}}, not {shown(value)}"
        return
    for path, company in value.items():
        if path != "." and not _is_inside(path, {}):
            yield f".{path}", f"has a directory that must be in it, or ., not {shown(path)}"
        for place, problem in COMPANY(company, {}):
            yield f".{path}{place}", f"has an id that {problem}"


def _acknowledgement(value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping) or set(value) - {"reason", "identities", "companies"}:
        yield "", f"must be {{reason, identities, companies}}, not {shown(value)}"
        return
    reason = value.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        yield ".reason", "needs a reason, which goes into the record"
    if not isinstance(value.get("identities", False), bool):
        yield ".identities", f"identities must be true or false, not {shown(value['identities'])}"
    yield from _of("companies", _list_of(COMPANY)(value.get("companies", []), {}))


BOOLEAN = _scalar(
    lambda value, _: isinstance(value, bool) or value in ("true", "false"), "true or false"
)
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
ENVIRONMENT_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
IN_CAPITALS = "a name for an .env (letters, digits, _)"
COMPANY = _matching(
    r"(?!company_)[0-9A-Za-z][0-9A-Za-z_-]{0,63}",
    "the bare id in quotes: letters, digits, _ and - (directories add company_)",
)
INSIDE = _scalar(_is_inside, "a path inside the application directory")

TYPES: dict[str, Check] = {
    "text": _text,
    "name": _matching(NAME, "a plain name of at most 63 letters, digits, - _ ."),
    "user name": _matching(
        r"(?!root$)[a-z_][a-z0-9_-]{0,31}", "a system user's name (small letters, digits, - _)"
    ),
    "secret": _secret,
    "whole number": _whole_number,
    "one of": _one_of,
    "absolute path": _scalar(_is_absolute_path, "an absolute path without .. and blanks"),
    "relative path": INSIDE,
    "file here": _matching(r"[/~][^\0\n]*", "a file's path on this machine, from / or ~"),
    "host address": _scalar(_is_address, "a host's name or address"),
    "listen address": _scalar(
        lambda value, spec: value == "*" or _is_address(value, spec),
        "a name or address of the host, or *",
    ),
    "certificate": _scalar(
        _is_certificate, "a certificate's PEM text (-----BEGIN CERTIFICATE-----)"
    ),
    "git address": _matching(r"(?!-)[^\s\0]{2,}", "a git address without blanks"),
    "git revision": _matching(r"(?!-)(?!.*\.\.)[^\s\0~^:?*\[\\]+", "a tag, a branch or a commit"),
    "login name": _matching(r"[A-Za-z_][A-Za-z0-9._-]{0,63}", "a user's name"),
    "ssh options": _scalar(
        _is_ssh_options, "options for ssh, each -o NAME=VALUE or -J HOST, with every quote closed"
    ),
    "version": _matching(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", "a version such as 7.0.4, in quotes"),
    "list of text": _list_of(_text),
    "list of package names": _list_of(_matching(r"[a-z0-9][a-z0-9+.-]+", "a Debian package")),
    "list of company ids": _list_of(COMPANY),
    "list of age recipients": _list_of(
        _scalar(_is_recipient, "an age public key (age1…, every letter of it) or an ssh one")
    ),
    "list of networks": _list_of(_scalar(_is_network, "a network such as 192.168.1.0/24")),
    "list of relative paths": _list_of(INSIDE),
    "list of directories": _list_of(_directory),
    # Names and values of flags are judged by their catalogue.
    "flags": _scalar(lambda value, _: isinstance(value, Mapping), "a mapping NAME: value"),
    "mapping of settings": _mapping_of(ENVIRONMENT_NAME, IN_CAPITALS, _plain_value),
    "mapping of booleans": _mapping_of(ENVIRONMENT_NAME, IN_CAPITALS, BOOLEAN),
    "mapping of secrets": _mapping_of(ENVIRONMENT_NAME, IN_CAPITALS, _secret),
    "mapping of relative paths": _mapping_of(NAME, "a plain name of PM2", INSIDE),
}
