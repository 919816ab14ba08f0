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
from rollout.settings.checks import acknowledgeable
from rollout.settings.kinds import kind_names
from sessionstore.errors import without_identities

Spec = Mapping[str, Any]
Problems = Iterator[tuple[str, str]]
Check = Callable[[Any, Spec], Problems]
LONGEST_SHOWN = 60
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
HOST_NAME = r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST_NAME += r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"


def problems(value: Any, spec: Spec) -> Problems:
    """Every problem of a variable's value: (place inside it, what is wrong there)."""
    if "default" in spec and spec["default"] == "" and value == "":
        return
    yield from TYPES[spec["type"]](value, spec)


def shown(value: Any) -> str:
    """A value for a message, cut to a length that a line holds."""
    text = without_identities(repr(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _any(good: Callable[[Any], bool], meaning: str) -> Check:
    def check(value: Any, _: Spec) -> Problems:
        if not good(value):
            yield "", f"must be {meaning}, not {shown(value)}"

    return check


def _a_text(good: Callable[[str], object], meaning: str) -> Check:
    return _any(lambda value: isinstance(value, str) and bool(good(value)), meaning)


def _matching(pattern: str, meaning: str) -> Check:
    return _a_text(re.compile(pattern).fullmatch, meaning)


def _parses(parse: Callable[[str], object], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


def _is_address(value: str) -> bool:
    # Digits and dots alone would be an IPv4 address, and this one did not parse.
    is_name = re.fullmatch(HOST_NAME, value) and not re.fullmatch(r"[\d.]+", value)
    return bool(is_name) or _parses(ip_address, value)


def _is_certificate(value: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=value)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _is_absolute_path(value: str) -> bool:
    # These paths stand in systemd units, crontabs and shell commands: no blanks, no quotes.
    words = re.fullmatch(r"(/[A-Za-z0-9._@+-]+)+", value)
    return bool(words) and not {".", ".."} & set(value.split("/"))


def _is_inside(value: str) -> bool:
    up_or_nowhere = {"", ".", ".."} & set(value.split("/"))
    return value.isprintable() and not up_or_nowhere and not PurePosixPath(value).is_absolute()


def _is_recipient(value: str) -> bool:
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


def _is_ssh_options(value: str) -> bool:
    """Nothing but ``-o NAME=VALUE`` and ``-J HOST``: a flag such as -A beats every ``-o`` before it."""
    if not _parses(shlex.split, value):
        return False
    words = iter(shlex.split(value))
    return all(
        (word == "-o" and "=" in next(words, "")) or (word == "-J" and next(words, ""))
        for word in words
    )


def _text(value: Any, spec: Spec) -> Problems:
    least = spec.get("shortest", 1)
    if not isinstance(value, str):
        yield "", f"must be a text, not {shown(value)}"
    elif len(value.strip()) < least or not value.isprintable():
        wanted = "a text" if least == 1 else f"a text of {least} characters or more"
        yield "", f"must be {wanted} on one line, not {shown(value)}"


def _secret(value: Any, _: Spec) -> Problems:
    if value in ("", None) or value == Secret(""):
        yield "", "is empty; put it into the vault as vault_… and refer to it"
    elif not isinstance(value, str | Secret):
        yield "", "must be a text; put it into the vault in quotes"
    elif not isinstance(value, Secret):
        yield "", "stands in plain text; put it into the vault as vault_… and refer to it"


def _whole_number(value: Any, spec: Spec) -> Problems:
    least, most = spec["minimum"], spec["maximum"]
    if not isinstance(value, int) or isinstance(value, bool):
        yield "", f"must be a whole number from {least} to {most}, not {shown(value)}"
    elif not least <= value <= most:
        yield "", f"must be from {least} to {most}, not {value}"


def _one_of(value: Any, spec: Spec) -> Problems:
    if value not in spec["values"]:
        yield "", f"must be one of: {', '.join(map(str, spec['values']))}; not {shown(value)}"


def _plain_value(value: Any, _: Spec) -> Problems:
    if not isinstance(value, str | bool | int | Secret):
        yield "", f"must be a text, a whole number, true or false, not {shown(value)}"
    elif isinstance(value, str) and not value.isprintable():
        yield "", f"must be one line, not {shown(value)}"


def _list_of(check: Check) -> Check:
    def judge(value: Any, spec: Spec) -> Problems:
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


def _mapping_of(form: str, name: Check, check: Check) -> Check:
    def judge(value: Any, spec: Spec) -> Problems:
        if not isinstance(value, Mapping):
            yield "", f"must be {form}, not {shown(value)}"
            return
        for key, item in value.items():
            for _, problem in name(str(key), spec):
                yield f".{key}", f"has a name that {problem}"
            for place, problem in check(item, spec):
                yield f".{key}{place}", f"{key} {problem}"

    return judge


def _record(needed: Mapping[str, Check], **optional: Check) -> Check:
    """A mapping of these names and no others."""
    fields = {**needed, **optional}

    def judge(value: Any, _: Spec) -> Problems:
        if not isinstance(value, Mapping) or set(value) - set(fields):
            yield "", f"must be {{{', '.join(fields)}}}, not {shown(value)}"
            return
        for name in [name for name in fields if name in needed or name in value]:
            for place, problem in fields[name](value.get(name), {}):
                yield f".{name}{place}", f"{name} {problem}"

    return judge


def _unless(check: Check, *nothing: Any) -> Check:
    return lambda value, spec: iter(()) if value in nothing else check(value, spec)


NAME = _matching(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "a plain name of at most 63 letters, digits, - _ ."
)
IN_CAPITALS = _matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "a name for an .env (letters, digits, _)")
MAPPING = "a mapping NAME: value"
BOOLEAN = _any(lambda value: isinstance(value, bool) or value in ("true", "false"), "true or false")
COMPANY = _matching(
    r"(?!company_)[0-9A-Za-z][0-9A-Za-z_-]{0,63}",
    "the bare id in quotes: letters, digits, _ and - (directories add company_)",
)
INSIDE = _a_text(_is_inside, "a path inside the application directory")
ACKNOWLEDGEMENT = _record(
    {"reason": _a_text(str.strip, "a text, which goes into the record")},
    identities=_any(lambda value: isinstance(value, bool), "true or false"),
    companies=_list_of(COMPANY),
)
COMPANIES_OF = _mapping_of(
    "{DIRECTORY: ID}",
    _a_text(lambda path: path == "." or _is_inside(path), "a directory in it, or ."),
    COMPANY,
)
DIRECTORY = _record(
    {"path": INSIDE, "kind": _matching("live|backup|test", "live, backup or test")},
    acknowledge=_unless(ACKNOWLEDGEMENT, None),
    companies=_unless(COMPANIES_OF, None, "", []),
    litter=_unless(_list_of(_text), None, "", {}),
)

TYPES: dict[str, Check] = {
    "text": _text,
    "name": NAME,
    "user name": _matching(
        r"(?!root$)[a-z_][a-z0-9_-]{0,31}", "a system user's name (small letters, digits, - _)"
    ),
    "secret": _secret,
    "whole number": _whole_number,
    "one of": _one_of,
    "absolute path": _a_text(_is_absolute_path, "an absolute path without .. and blanks"),
    "relative path": INSIDE,
    "file here": _matching(r"[/~][^\0\n]*", "a file's path on this machine, from / or ~"),
    "host address": _a_text(_is_address, "a host's name or address"),
    "listen address": _a_text(
        lambda value: value == "*" or _is_address(value), "a name or address of the host, or *"
    ),
    "certificate": _a_text(
        _is_certificate, "a certificate's PEM text (-----BEGIN CERTIFICATE-----)"
    ),
    "git address": _matching(r"(?!-)[^\s\0]{2,}", "a git address without blanks"),
    "git revision": _matching(r"(?!-)(?!.*\.\.)[^\s\0~^:?*\[\\]+", "a tag, a branch or a commit"),
    "login name": _matching(r"[A-Za-z_][A-Za-z0-9._-]{0,63}", "a user's name"),
    "ssh options": _a_text(
        _is_ssh_options, "options for ssh, each -o NAME=VALUE or -J HOST, with every quote closed"
    ),
    "service kind": _a_text(
        lambda value: value in kind_names(), f"one of: {', '.join(kind_names())}"
    ),
    # What is in it is judged as a whole, by rollout.settings.kinds.
    "mapping of fields": _any(lambda value: isinstance(value, Mapping), "a mapping FIELD: value"),
    "version": _matching(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", "a version such as 7.0.4, in quotes"),
    "list of text": _list_of(_text),
    "list of package names": _list_of(_matching(r"[a-z0-9][a-z0-9+.-]+", "a Debian package")),
    "list of company ids": _list_of(COMPANY),
    "list of age recipients": _list_of(
        _a_text(_is_recipient, "an age public key (age1…, every letter of it) or an ssh one")
    ),
    "list of networks": _list_of(
        _a_text(
            lambda value: "/" in value and _parses(ip_network, value),
            "a network such as 192.168.1.0/24",
        )
    ),
    "list of relative paths": _list_of(INSIDE),
    "list of directories": _list_of(DIRECTORY),
    # Names and values of flags are judged by their catalogue.
    "flags": _any(lambda value: isinstance(value, Mapping), MAPPING),
    "mapping of settings": _mapping_of(MAPPING, IN_CAPITALS, _plain_value),
    "mapping of booleans": _mapping_of(MAPPING, IN_CAPITALS, BOOLEAN),
    "mapping of secrets": _mapping_of(MAPPING, IN_CAPITALS, _secret),
    "mapping of acknowledged checks": _mapping_of(
        "a mapping CHECK: reason",
        _a_text(lambda name: name in acknowledgeable(), "the name of a check, and of none of keys"),
        _text,
    ),
    "mapping of relative paths": _mapping_of(MAPPING, NAME, INSIDE),
}
