"""File names of Baileys' ``useMultiFileAuthState``, and the keys they stand for.

Baileys writes ``type-id.json`` after replacing ``/`` by ``__`` and ``:`` by ``-``. That does
not invert in general; with a grammar for each type it does (docs/facts.md section 2, where the
table and the expressions come from). A name that the grammar does not know is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

CREDENTIALS = "creds.json"
#: May hold credentials too (docs/facts.md section 2); Baileys itself never reads it.
CREDENTIALS_CACHE = ".baileys-cache.json"
HIGHEST_PRE_KEY = 16_777_215

_D = r"[0-9]{1,20}"
_SIG = rf"{_D}(?:_[0-9]{{1,3}})?"
_DEV = r"[0-9]{1,3}"
_GROUP = rf"(?:{_D}(?:-{_D})?@g\.us|status@broadcast|{_D}@broadcast)"
_SERVER = r"(?:s\.whatsapp\.net|c\.us|lid|hosted|hosted\.lid|bot|newsletter)"
_DEVJID = rf"{_SIG}(?::{_DEV})?@{_SERVER}"


class Key(NamedTuple):
    key_type: str
    key_id: str


_Decoder = Callable[[str], "str | None"]


def _literal(expression: str) -> _Decoder:
    match = re.compile(expression).fullmatch
    return lambda text: text if match(text) else None


_pre_key_number = re.compile(r"[1-9][0-9]{0,7}").fullmatch
_sender_key_parts = re.compile(rf"({_GROUP})--({_SIG})--({_DEV})").fullmatch
_chat = re.compile(rf"{_GROUP}|{_DEVJID}").fullmatch
# Not base64's own decoder: some of its versions take one padding sign too many.
_padded_base64 = re.compile(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
).fullmatch
_chat_with_device = re.compile(rf"({_SIG})-({_DEV})@({_SERVER})").fullmatch


def _pre_key(text: str) -> str | None:
    return text if _pre_key_number(text) and int(text) <= HIGHEST_PRE_KEY else None


def _sender_key(text: str) -> str | None:
    found = _sender_key_parts(text)
    return "::".join(found.groups()) if found else None


def _app_state_sync_key(text: str) -> str | None:
    identifier = text.replace("__", "/")
    return identifier if identifier and _padded_base64(identifier) else None


def _chat_identifier(text: str) -> str | None:
    if _chat(text):
        return text
    found = _chat_with_device(text)
    return f"{found[1]}:{found[2]}@{found[3]}" if found else None


def _trusted_contact_token(text: str) -> str | None:
    return text if text == "__index" else _chat_identifier(text)


_DECODERS: dict[str, _Decoder] = {
    "pre-key": _pre_key,
    "session": _literal(rf"{_SIG}\.{_DEV}"),
    "sender-key": _sender_key,
    "sender-key-memory": _chat_identifier,
    "app-state-sync-key": _app_state_sync_key,
    "app-state-sync-version": _literal(
        "critical_block|critical_unblock_low|regular_high|regular_low|regular"
    ),
    "lid-mapping": _literal(rf"{_SIG}(?:_reverse)?"),
    "device-list": _literal(_SIG),
    "tctoken": _trusted_contact_token,
    "identity-key": _literal(rf"{_SIG}\.{_DEV}"),
}

KEY_TYPES: tuple[str, ...] = tuple(_DECODERS)

# A type can only match a name that begins with it, and no two types differ in their first
# four letters unless both are listed here: the same as trying all of them, ten times faster.
_BY_BEGINNING: dict[str, tuple[tuple[str, _Decoder], ...]] = {
    beginning: tuple(
        (f"{key_type}-", decoder)
        for key_type, decoder in _DECODERS.items()
        if key_type[:4] == beginning
    )
    for beginning in {key_type[:4] for key_type in _DECODERS}
}


def encode(key: Key) -> str:
    """The file name that Baileys writes: ``fixFileName(type + '-' + id + '.json')``."""
    return f"{key[0]}-{key[1]}.json".replace("/", "__").replace(":", "-")


def decode(name: str) -> Key | None:
    """The key that a file name stands for; None unless one grammar alone matches, and encodes back to it."""
    if not name.endswith(".json"):
        return None
    stem = name[:-5]
    matches = []
    for prefix, decoder in _BY_BEGINNING.get(name[:4], ()):
        if stem.startswith(prefix):
            key_id = decoder(stem[len(prefix) :])
            if key_id is not None:
                matches.append(Key(prefix[:-1], key_id))
    return matches[0] if len(matches) == 1 and encode(matches[0]) == name else None


#: Where a company's bare id stands in how a directory or a row spells it.
HOLE = "{company}"
#: How most name a directory of session files.
DIRECTORY = f"company_{HOLE}"
_company_id = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}").fullmatch


def company_of(directory_name: str, named: str = DIRECTORY) -> str | None:
    """The bare id that a directory name stands for: ``company_962302`` gives ``962302``."""
    before, _, after = named.partition(HOLE)
    found = directory_name[len(before) : len(directory_name) - len(after)]
    return found if is_company_id(found) and named.replace(HOLE, found) == directory_name else None


def is_company_id(text: str) -> bool:
    """Tell whether a text can be a bare company id, which rows use: none with ``company_`` before it."""
    return _company_id(text) is not None and not text.startswith("company_")


def no_company_id(text: str) -> str:
    if text.startswith("company_"):
        return "Give the bare id, without company_."
    form = "letters, digits, _ and -, at most 64"
    return f"A company's id has {form}, and begins with none of _ and -."
