"""Lineage: one row a rule."""

from __future__ import annotations

from typing import Any

import pytest

from sessionstore.errors import BadFile
from sessionstore.judgement.lineage import ABSENT, ANOTHER, DESCENDS, FILE_AHEAD, SAME, compare
from sessionstore.keys.credentials import credentials_of
from sessionstore.keys.values import Value


def creds(**changes: Any) -> dict[str, Value]:
    """Parsed credentials."""
    return {
        "me": {"id": "1:7@s.whatsapp.net"},
        "registrationId": 5,
        "signedIdentityKey": {"private": b"a", "public": b"b"},
        "noiseKey": {"private": b"c", "public": b"d"},
        "signedPreKey": {"keyId": 1, "keyPair": {"private": b"g"}},
        "advSecretKey": "secret",
        "nextPreKeyId": 31,
        "firstUnuploadedPreKeyId": 31,
        "accountSyncCounter": 2,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "relation"),
    [
        ({}, SAME),
        ({"nextPreKeyId": 61, "firstUnuploadedPreKeyId": 61}, DESCENDS),
        ({"accountSyncCounter": 3}, DESCENDS),
        ({"nextPreKeyId": 61, "accountSyncCounter": 1}, FILE_AHEAD),
        ({"nextPreKeyId": 1}, FILE_AHEAD),
        ({"accountSyncCounter": None}, FILE_AHEAD),
        ({"me": {"id": "2:7@s.whatsapp.net"}}, ANOTHER),
        ({"registrationId": 6, "nextPreKeyId": 61}, ANOTHER),
        ({"noiseKey": {"private": b"x", "public": b"d"}}, ANOTHER),
        ({"signedIdentityKey": {"private": b"x", "public": b"d"}}, ANOTHER),
        ({"advSecretKey": "other"}, ANOTHER),
        ({"lastPropHash": "x"}, SAME),
        ({"signedPreKey": {"keyId": 2, "keyPair": {"private": b"h"}}}, DESCENDS),
        ({"signedPreKey": {"keyId": 1, "keyPair": {"private": b"h"}}}, FILE_AHEAD),
        ({"signedPreKey": {"keyId": 0, "keyPair": {"private": b"g"}}}, FILE_AHEAD),
        ({"signedPreKey": {"keyId": 2}, "nextPreKeyId": 1}, FILE_AHEAD),
    ],
)
def test_lineage(changes: dict[str, Any], relation: str) -> None:
    """Which copy descends from which is told by the credentials alone."""
    verdict = compare(credentials_of(creds()), credentials_of(creds(**changes)))
    assert verdict.relation == relation


def test_no_row_is_absent() -> None:
    """The database does not know the company."""
    assert compare(credentials_of(creds()), None).relation == ABSENT


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([], "not credentials"),
        (creds(me=None), "not registered"),
        (creds(me={"id": ""}), "not registered"),
        (creds(advSecretKey=""), "not credentials"),
        (creds(nextPreKeyId=-1), "not credentials"),
        (creds(nextPreKeyId=1.5), "not credentials"),
        (creds(signedPreKey={"keyId": "1"}), "not credentials"),
    ],
)
def test_what_is_no_pairing(value: Value, kind: str) -> None:
    """Baileys would take it for a new, unregistered identity."""
    with pytest.raises(BadFile) as caught:
        credentials_of(value)
    assert caught.value.kind == kind


def test_no_secret_stands_in_the_identity() -> None:
    """It ends up in logs."""
    assert "secret" not in repr(credentials_of(creds()))
