"""Contacts: under which address Baileys keeps their session, and which identity it knows.

As ``resolveLIDSignalAddress`` and ``jidToSignalProtocolAddress`` of Baileys 7 do: once a phone
number has a LID, its sessions and identities are looked for under the LID. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sessionstore.judgement.facts import Company
from sessionstore.judgement.sessions import opened_by_contact
from sessionstore.keys.names import Key
from sessionstore.keys.ratchets import octets
from sessionstore.keys.values import Value

# Domain numbers in an address: none is a phone number, 128 a hosted one, 1 and 129 their LIDs
# (docs/facts.md section 2).
_LID_DOMAIN = {"": "1", "128": "129"}


def lid_address(address: str, lid_of: Callable[[str], str | None]) -> str | None:
    """The address (``user.device``) that a contact's session has once its LID is known; None without."""
    user, _, device = address.rpartition(".")
    number, _, domain = user.partition("_")
    lid = lid_of(number) if domain in _LID_DOMAIN else None
    return f"{lid}_{_LID_DOMAIN[domain]}.{device}" if lid else None


def identity_of(
    address: str, company: Company, value_of: Callable[[Key], Value | None]
) -> bytes | None:
    for place in (lid_address(address, company.lid_of), address):
        value = value_of(Key("identity-key", place)) if place else None
        if isinstance(value, bytes):
            return value
    return None


def changed_identity(address: str, company: Company) -> bytes | None:
    """A contact's identity by now, where it is not the files': only its own message changes the row."""
    now = identity_of(address, company, company.value_of)
    before = identity_of(address, company, company.file_of)
    return now if now is not None and before is not None and now != before else None


def removed_device(address: str, company: Company) -> bool:
    """Tell whether a contact removed a device, not its first: its list had it, and none has it any more."""
    user, _, device = address.rpartition(".")
    number = user.partition("_")[0]
    other = company.lid_of(number) or company.value_of(Key("lid-mapping", f"{number}_reverse"))
    places = [Key("device-list", one) for one in (number, other) if isinstance(one, str)]
    before = [company.file_of(place) for place in places]
    now = [found for found in map(company.value_of, places) if found is not None]
    return (
        device != "0"
        and any(isinstance(one, list) and device in one for one in before)
        and bool(now)
        and all(isinstance(one, list) and is_device_list(one) and device not in one for one in now)
    )


def is_device_list(value: Value) -> bool:
    """Tell whether a value is what Baileys stores of a contact's devices: never none of them."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, str) and one.isdecimal() for one in value)
    )


def remote_identities(session: Value) -> set[bytes]:
    """Public keys of the contact that a session record was made with; none in an unknown form."""
    found = (octets(index.get("remoteIdentityKey")) for index in _indexes(session))
    return {key for key in found if key is not None}


def opened_with(session: Value, identity: bytes) -> tuple[Value, float] | None:
    """The base key of a contact's open session with an identity, and when it began, seconds since 1970."""
    for index in _indexes(session):
        created = index.get("created")
        is_open = index.get("closed") == -1
        if is_open and type(created) is int and octets(index.get("remoteIdentityKey")) == identity:
            return index.get("baseKey"), created / 1000
    return None


def _indexes(session: Value) -> Iterator[dict[str, Value]]:
    sessions = session.get("_sessions") if isinstance(session, dict) else None
    for entry in sessions.values() if isinstance(sessions, dict) else ():
        index = entry.get("indexInfo") if isinstance(entry, dict) else None
        if isinstance(index, dict):
            yield index


@dataclass
class BegunSince:
    """What rows that equal no file show of contacts who began a session."""

    pre_keys: list[str] = field(default_factory=list)
    opened: dict[str, set[str]] = field(default_factory=dict)
    identities: set[str] = field(default_factory=set)

    def note(self, key: Key, read: Callable[[], Value | None]) -> None:
        if key.key_type == "pre-key":
            self.pre_keys.append(key.key_id)
        elif key.key_type == "session":
            self.opened[key.key_id] = opened_by_contact(read())
        elif key.key_type == "identity-key":
            # Made or changed only by a message that begins a session, which may be gone again.
            self.identities.add(key.key_id)

    def sessions(self, known: set[str], lid_of: Callable[[str], str | None]) -> int:
        """Count the sessions that contacts began, besides those known: for each address once."""
        found = {lid_address(one, lid_of) or one: set[str]() for one in self.identities}
        least = dict.fromkeys(found, 1)
        for address, bases in self.opened.items():
            place = lid_address(address, lid_of) or address
            found.setdefault(place, set()).update(bases - known)
            known |= bases
        return sum(max(len(bases), least.get(place, 0)) for place, bases in found.items())
