"""What lies in the repository of ai-admin beside the service: odd jobs, and a test account's credentials.

Made here instead of kept: it is the same every time, so that commit ids follow from the content.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

_WHAT_IS_DONE = (
    *("add", "analyze", "check", "cleanup", "create", "debug", "export", "find"),
    *("fix", "import", "list", "send", "sync", "test", "update", "verify"),
)
_TO_WHAT = ("booking", "client", "company", "message", "prompt", "schedule", "service", "staff")
TOTAL = len(_WHAT_IS_DONE) * len(_TO_WHAT)
DOES_NOT_PARSE = "debug-schedule.js"

_SCRIPT = """\
#!/usr/bin/env node
// {title}. Usage: node scripts/{name} [COMPANY]
const {{ once }} = require('../src/utils/app')
const postgres = require('../src/database/postgres')

const companyId = process.argv[2] || '962302'

once('{title}', async () => {{
  const {{ rows }} = await postgres.query(
    'SELECT id, name FROM clients WHERE company_id = $1 ORDER BY id LIMIT {limit}',
    [companyId]
  )
  for (const {{ id, name }} of rows) {{
    console.log(`{what}: ${{id}} ${{name}}`)
  }}
}})
"""
_CUT_OFF = "// until the merge is done\n<<<<<<< HEAD\n"


def write(tree: Path) -> None:
    """Add them to the files of a revision."""
    for name, text in _scripts():
        path = tree / "scripts" / name
        assert not path.exists(), f"{name} is the service's own"
        path.write_text(text)
    account = tree / "baileys_test_auth"
    account.mkdir()
    (account / "creds.json").write_text(json.dumps(_credentials()))


def _scripts() -> Iterator[tuple[str, str]]:
    for number, (does, what) in enumerate((d, w) for d in _WHAT_IS_DONE for w in _TO_WHAT):
        name, title = f"{does}-{what}.js", f"{does.capitalize()} {what}"
        text = _SCRIPT.format(name=name, title=title, what=what, limit=10 + number)
        yield name, text + (_CUT_OFF if name == DOES_NOT_PARSE else "")


def _credentials() -> dict[str, object]:
    """Of an account that nobody has: every key is a hash of its name."""
    return {
        **{name: _pair(name) for name in ("noiseKey", "pairingEphemeralKeyPair")},
        "signedIdentityKey": _pair("signedIdentityKey"),
        "signedPreKey": {
            "keyPair": _pair("signedPreKey"),
            "signature": _buffer("signature", 64),
            "keyId": 1,
        },
        "registrationId": 99,
        "advSecretKey": _bytes("advSecretKey", 32),
        "processedHistoryMessages": [],
        "nextPreKeyId": 31,
        "firstUnuploadedPreKeyId": 31,
        "accountSyncCounter": 0,
        "accountSettings": {"unarchiveChats": False},
        "registered": True,
        "me": {
            "id": "15550109900:3@s.whatsapp.net",
            "lid": "200000099000001:3@lid",
            "name": "test",
        },
        "platform": "android",
    }


def _pair(name: str) -> dict[str, object]:
    return {"private": _buffer(f"{name} private", 32), "public": _buffer(f"{name} public", 32)}


def _buffer(name: str, size: int) -> dict[str, str]:
    return {"type": "Buffer", "data": _bytes(name, size)}


def _bytes(name: str, size: int) -> str:
    return base64.b64encode(hashlib.shake_256(name.encode()).digest(size)).decode()
