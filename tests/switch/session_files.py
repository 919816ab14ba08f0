"""A company's session files as Baileys writes them, few and of several types."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from sessionstore.keys.names import Key, encode


def write_sessions(directory: Path) -> None:
    """A company's files as Baileys writes them, few and of several types."""
    directory.mkdir(parents=True)
    (directory / "creds.json").write_text(json.dumps(_credentials()))
    for number in range(1, 9):
        _write(
            directory,
            Key("pre-key", str(number)),
            {"private": _buffer(number), "public": _buffer(number + 1)},
        )
    _write(directory, Key("sender-key-memory", "120363041234567890@g.us"), {"1@lid": True})
    _write(directory, Key("app-state-sync-key", "AAAAAFoo/+8="), {"keyData": "a2V5"})
    _write(directory, Key("lid-mapping", "15550002222"), "99001133")
    _write(directory, Key("lid-mapping", "99001133_reverse"), "15550002222")


def _write(directory: Path, key: Key, value: Any) -> None:
    (directory / encode(key)).write_text(json.dumps(value))


def _credentials() -> dict[str, Any]:
    return {
        "noiseKey": {"private": _buffer(1), "public": _buffer(2)},
        "signedIdentityKey": {"private": _buffer(3), "public": _buffer(4)},
        "registrationId": 4711,
        "advSecretKey": "c2VjcmV0",
        "nextPreKeyId": 9,
        "firstUnuploadedPreKeyId": 9,
        "accountSyncCounter": 1,
        "registered": True,
        "me": {"id": "15550001111:7@s.whatsapp.net"},
        "myAppStateKeyId": "AAAAAFoo/+8=",
    }


def _buffer(number: int) -> dict[str, str]:
    return {"type": "Buffer", "data": base64.b64encode(bytes([number]) * 32).decode()}
