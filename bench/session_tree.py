"""A company's directory of session files of any size, as a Baileys service leaves it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sessionstore.keys.names import Key, encode
from tests.store.session_files import COMPANY, buffer, credentials, pair, sender_key, session

#: What a hundred keys are: every type, in about the shares and with the 300 bytes a file that
#: directories written by the real library had (docs/facts.md section 2).
SHARES: dict[str, int] = {
    "pre-key": 40,
    "session": 18,
    "sender-key": 10,
    "sender-key-memory": 4,
    "app-state-sync-key": 2,
    "lid-mapping": 10,
    "device-list": 6,
    "tctoken": 5,
    "identity-key": 5,
}
_VERSIONS = ("critical_block", "critical_unblock_low", "regular_high", "regular_low", "regular")


def write_tree(directory: Path, keys: int) -> Path:
    """Write session files, and the rows they make, ready for COPY.

    Args:
        directory: ``company_<id>``, to be made.
        keys: how many key files, the credentials not counted.

    Returns:
        The file with the rows, beside the directory.
    """
    directory.mkdir(parents=True)
    (directory / "creds.json").write_text(json.dumps(credentials(), separators=(",", ":")))
    ready = directory.parent.parent / f"rows-{keys}.copy"
    with ready.open("w", encoding="ascii") as rows:
        for key, value in generated_keys(keys):
            text = json.dumps(value, separators=(",", ":"))
            (directory / encode(key)).write_text(text)
            escaped = text.replace("\\", "\\\\")
            rows.write(f"{COMPANY}\t{key.key_type}\t{key.key_id}\t{escaped}\n")
    return ready


def generated_keys(keys: int) -> Iterator[tuple[Key, Any]]:
    """Make keys of every type.

    Args:
        keys: how many.

    Yields:
        Each key once, with a value of the form that Baileys gives it.
    """
    for name in _VERSIONS[:keys]:
        state = {"version": 4, "hash": buffer(60, 128), "indexValueMap": {}}
        yield Key("app-state-sync-version", name), state
    turn = [key_type for key_type, share in SHARES.items() for _ in range(share)]
    for number in range(1, keys - len(_VERSIONS) + 1):
        yield _key(turn[number % len(turn)], number)


def _key(key_type: str, number: int) -> tuple[Key, Any]:
    make = _MAKERS[key_type]
    key_id, value = make(number)
    return Key(key_type, key_id), value


def _session(number: int) -> tuple[str, Any]:
    base, chain = (base64.b64encode(number.to_bytes(4, "big") * 8).decode() for _ in "bc")
    record = session(number, base=base, chain=chain)
    ratchet = record["_sessions"][base]["currentRatchet"]
    ratchet["ephemeralKeyPair"] = {"pubKey": base, "privKey": chain}
    record["_sessions"][base]["_chains"][f"sending{chain}"] = {
        "chainKey": {"counter": 1, "key": chain},
        "chainType": 1,
        "messageKeys": {"2": chain},
    }
    return f"{15550000000 + number}.{number % 3}", record


def _sender_key(number: int) -> tuple[str, Any]:
    return f"{120363000000000000 + number}@g.us::{15550000000 + number}::0", sender_key(number)


def _sender_key_memory(number: int) -> tuple[str, Any]:
    members = {f"{15550000000 + number + one}:{one}@s.whatsapp.net": True for one in range(6)}
    return f"{120363000000000000 + number}@g.us", members


def _app_state_sync_key(number: int) -> tuple[str, Any]:
    fingerprint = {"rawId": number, "currentIndex": 1, "deviceIndexes": [0, 1]}
    data = base64.b64encode(number.to_bytes(4, "big") * 8).decode()
    value = {"keyData": data, "fingerprint": fingerprint, "timestamp": "1700000000000"}
    return base64.b64encode(number.to_bytes(6, "big")).decode(), value


def _trusted_contact_token(number: int) -> tuple[str, Any]:
    return f"{15550000000 + number}@s.whatsapp.net", {"token": buffer(number), "timestamp": "17"}


_MAKERS: dict[str, Callable[[int], tuple[str, Any]]] = {
    "pre-key": lambda number: (str(number), pair(number)),
    "session": _session,
    "sender-key": _sender_key,
    "sender-key-memory": _sender_key_memory,
    "app-state-sync-key": _app_state_sync_key,
    "lid-mapping": lambda number: (str(15550000000 + number), str(99000000000 + number)),
    "device-list": lambda number: (str(15550000000 + number), ["0", str(number % 90)]),
    "tctoken": _trusted_contact_token,
    "identity-key": lambda number: (f"{15550000000 + number}.0", buffer(number, 32)),
}
