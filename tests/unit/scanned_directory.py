"""A directory of session files to scan, and what a scan complains about."""

from __future__ import annotations

import json
from pathlib import Path

from sessionstore.scan.result import Problem
from sessionstore.scan.scan import scan_directory

CREDS = {
    "me": {"id": "15550001111:7@s.whatsapp.net"},
    "registrationId": 1,
    "signedIdentityKey": {"public": "cA=="},
    "noiseKey": {"public": "cQ=="},
    "advSecretKey": "cg==",
    "nextPreKeyId": 31,
    "firstUnuploadedPreKeyId": 31,
}


def company(directory: Path) -> Path:
    """Write credentials and two keys."""
    directory.mkdir(parents=True)
    (directory / "creds.json").write_text(json.dumps(CREDS))
    (directory / "pre-key-1.json").write_text('{"a":1}')
    (directory / "session-15550002222.0.json").write_text('{"_sessions":{}}')
    return directory


def problems(root: Path) -> list[Problem]:
    """Everything a scan of root complains about."""
    with scan_directory(str(root)) as scan:
        return [*scan.problems, *(one for found in scan.companies for one in found.problems)]
