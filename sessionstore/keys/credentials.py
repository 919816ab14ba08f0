"""What credentials say about their pairing: who it is, how far it has come, when it was made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sessionstore.errors import BadFile
from sessionstore.keys.ratchets import octets
from sessionstore.keys.values import Value, digest

_BORN_WITH = ("registrationId", "signedIdentityKey", "noiseKey", "advSecretKey")
# 2020-01-01: no session file is older than the library.
_FIRST_BAILEYS = 1_577_836_800.0
# 2100-01-01.
_NO_SUCH_TIME = 4_102_444_800
# Field 2, a number. Measured with proto.ADVDeviceIdentity of 7.0.0-rc14.
_TIMESTAMP = 2 << 3


@dataclass(frozen=True)
class Identity:
    """What makes a pairing this one and no other."""

    account: str  # ``me.id``, the account's own JID
    #: digests of registrationId, signedIdentityKey, noiseKey and advSecretKey; digests because
    #: three of them are secret
    fingerprint: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over both, for a record: it tells this pairing from others and nothing else."""
        return hashlib.sha256(
            "\n".join((self.account, *self.fingerprint)).encode("utf-8", "surrogatepass")
        ).hexdigest()


@dataclass(frozen=True)
class Clocks:
    """Counters that Baileys only ever raises; one that is missing counts as 0."""

    next_pre_key: int
    first_unuploaded_pre_key: int
    account_sync: int
    signed_pre_key: int = 0


@dataclass(frozen=True)
class Credentials:
    identity: Identity  # what the pairing was born with
    clocks: Clocks  # how far it has come
    signed_pre_key: str = ""  # digest of the signed pre-key's pair; its number is among the clocks


def credentials_of(value: Value) -> Credentials:
    """Read identity and clocks; BadFile without ``me.id``: Baileys would take it for unregistered."""
    if not isinstance(value, dict):
        raise BadFile("not credentials", "not a JSON object")
    me = value.get("me")
    account = me.get("id") if isinstance(me, dict) else None
    if not isinstance(account, str) or not account:
        raise BadFile("not registered", "the credentials lack me.id")
    lacking = [name for name in _BORN_WITH if value.get(name) in (None, "", {})]
    if lacking:
        raise BadFile("not credentials", f"lacks {', '.join(lacking)}")
    fingerprint = tuple(digest(value[name]) for name in _BORN_WITH)
    signed = value.get("signedPreKey")
    if not isinstance(signed, dict):
        signed = {}
    clocks = Clocks(
        _clock(value, "nextPreKeyId"),
        _clock(value, "firstUnuploadedPreKeyId"),
        _clock(value, "accountSyncCounter"),
        _clock(signed, "keyId", "signedPreKey.keyId"),
    )
    return Credentials(Identity(account, fingerprint), clocks, digest(signed.get("keyPair")))


def paired_at(value: Value) -> float:
    """No file of a pairing can be older, seconds since 1970: when the phone signed it, where that is told."""
    account = value.get("account") if isinstance(value, dict) else None
    details = octets(account.get("details")) if isinstance(account, dict) else None
    return max(_FIRST_BAILEYS, _signed_at(details or b""))


def _signed_at(details: bytes) -> float:
    """The timestamp of an ADVDeviceIdentity in protobuf; 0 for one to come, or beside what is no number."""
    found, place = 0, 0
    while place < len(details):
        tag, place = _varint(details, place)
        if tag & 7:
            return 0.0
        number, place = _varint(details, place)
        found = number if tag == _TIMESTAMP else found
    return float(found) if found < _NO_SUCH_TIME else 0.0


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message):
        value |= (message[place] & 127) << shift
        shift, place = shift + 7, place + 1
        if message[place - 1] < 128:
            break
    return value, place


def _clock(place: dict[str, Value], name: str, shown: str = "") -> int:
    value = place.get(name, 0)
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise BadFile("not credentials", f"{shown or name} is not a counter")
    return value
