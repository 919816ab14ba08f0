"""Directories of session files as Baileys writes them, made quickly."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any

from sessionstore.keys.names import Key, encode

COMPANY = "962302"


def buffer(number: int, length: int = 32) -> dict[str, str]:
    """A Buffer of made-up bytes as Baileys spells it."""
    data = number.to_bytes(4, "big") * (length // 4)
    return {"type": "Buffer", "data": base64.b64encode(data).decode()}


def pair(number: int) -> dict[str, Any]:
    """A key pair."""
    return {"private": buffer(number), "public": buffer(number + 1)}


def credentials(**changes: Any) -> dict[str, Any]:
    """Credentials of one registered account."""
    return {
        "noiseKey": pair(1),
        "pairingEphemeralKeyPair": pair(3),
        "signedIdentityKey": pair(5),
        "signedPreKey": {"keyPair": pair(7), "signature": buffer(9, 64), "keyId": 1},
        "registrationId": 4711,
        "advSecretKey": base64.b64encode(b"s" * 32).decode(),
        "processedHistoryMessages": [],
        "nextPreKeyId": 813,
        "firstUnuploadedPreKeyId": 813,
        "accountSyncCounter": 1,
        "accountSettings": {"unarchiveChats": False},
        "registered": True,
        "me": {"id": "15550001111:7@s.whatsapp.net", "lid": "99001122:7@lid", "name": "Zoë 🦊"},
        "myAppStateKeyId": "AAAAAFoo/+8=",
        **changes,
    }


def session(counter: int = 3, *, base: str = "base", chain: str = "chain") -> dict[str, Any]:
    """A libsignal session record with one receiving chain at the given counter."""
    entry = {
        "registrationId": 12,
        "currentRatchet": {
            "ephemeralKeyPair": {"pubKey": "cHVi", "privKey": "cHJpdg=="},
            "lastRemoteEphemeralKey": chain,
            "previousCounter": 0,
            "rootKey": f"root{counter}",
        },
        "indexInfo": {
            "baseKey": base,
            "baseKeyType": 2,
            "closed": -1,
            "used": 1700000000000 + counter,
            "created": 1700000000000,
            "remoteIdentityKey": "aWQ=",
        },
        "_chains": {
            chain: {
                "chainKey": {"counter": counter, "key": f"key{counter}"},
                "chainType": 2,
                "messageKeys": {},
            }
        },
    }
    return {"_sessions": {base: entry}, "version": "v1"}


def sender_key(iteration: int = 1, key_id: int = 77) -> list[dict[str, Any]]:
    """A sender-key record with one state, its seed stepped on as Baileys does."""
    seed = bytes(range(32))
    for _ in range(iteration):
        seed = hmac.digest(seed, b"\x02", "sha256")
    spelled = {"type": "Buffer", "data": base64.b64encode(seed).decode()}
    return [
        {
            "senderKeyId": key_id,
            "senderChainKey": {"iteration": iteration, "seed": spelled},
            "senderSigningKey": {"public": buffer(40, 36), "private": buffer(41)},
            "senderMessageKeys": [],
        }
    ]


def keys(pre_keys: int = 40) -> dict[Key, Any]:
    """One awkward key of each type and some pre-keys."""
    found: dict[Key, Any] = {
        Key("session", "15550002222.0"): session(),
        Key("session", "15550002222_1.14"): session(5),
        Key("session", "15550003333_128.99"): session(7),
        Key("identity-key", "15550002222.0"): buffer(50, 32),
        Key("sender-key", "120363000000000001@g.us::15550002222::0"): sender_key(),
        Key("sender-key", "15550004444-1600000000@g.us::99001133_1::14"): sender_key(9),
        Key("sender-key-memory", "120363000000000001@g.us"): {
            "15550002222:14@s.whatsapp.net": True
        },
        Key("sender-key-memory", "15550002222:3@s.whatsapp.net"): {},
        Key("app-state-sync-key", "AAAAAFoo/+8="): {
            "keyData": base64.b64encode(b"k" * 32).decode(),
            "fingerprint": {"rawId": 2**40, "currentIndex": 1, "deviceIndexes": [0, 1]},
            "timestamp": "1700000000000",
        },
        Key("app-state-sync-version", "critical_unblock_low"): {
            "version": 4,
            "hash": buffer(60, 128),
            "indexValueMap": {"a+/b=": {"valueMac": buffer(61)}},
        },
        Key("lid-mapping", "15550002222"): "99001133",
        Key("lid-mapping", "99001133_reverse"): "15550002222",
        Key("device-list", "15550002222"): ["0", "14"],
        Key("tctoken", "__index"): ["15550002222@s.whatsapp.net"],
        Key("tctoken", "15550002222@s.whatsapp.net"): {"token": buffer(70), "timestamp": "17"},
    }
    for number in range(1, pre_keys + 1):
        found[Key("pre-key", str(number))] = pair(100 + number)
    return found


def write_company(root: Path, company: str = COMPANY, *, pre_keys: int = 40, **creds: Any) -> Path:
    """Write one company's directory below root; gives that directory."""
    directory = root / f"company_{company}"
    directory.mkdir(parents=True)
    (directory / "creds.json").write_text(dump(credentials(**creds)))
    for key, value in keys(pre_keys).items():
        (directory / encode(key)).write_text(dump(value))
    return directory


def dump(value: Any) -> str:
    """Write JSON as JSON.stringify does."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
