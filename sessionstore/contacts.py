"""Contacts: under which address Baileys keeps their session, and which identity it knows.

As ``resolveLIDSignalAddress`` and ``jidToSignalProtocolAddress`` of Baileys 7 do: once a phone
number has a LID, its sessions and identities are looked for under the LID. Pure: no I/O.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from sessionstore.facts import Company
from sessionstore.grammar import Key
from sessionstore.values import Value

# Domain numbers in an address: none is a phone number, 128 a hosted one, 1 and 129 their LIDs
# (docs/facts.md section 2).
_LID_DOMAIN = {"": "1", "128": "129"}


def lid_address(address: str, company: Company) -> str | None:
    """Give the address that a contact's session has once its LID is known.

    Args:
        address: ``user.device``, as the id of a session.
        company: what is known of the company.

    Returns:
        The LID's address; None where it is one already, or no LID is known.
    """
    user, _, device = address.rpartition(".")
    number, _, domain = user.partition("_")
    lid = company.lid_of(number) if domain in _LID_DOMAIN else None
    return f"{lid}_{_LID_DOMAIN[domain]}.{device}" if lid else None


def identity_in_database(address: str, company: Company) -> bytes | None:
    """Give the identity that the database knows of a contact.

    Args:
        address: ``user.device``.
        company: what is known of the company.

    Returns:
        The public key; None where there is none.
    """
    for place in (lid_address(address, company), address):
        value = company.value_of(Key("identity-key", place)) if place else None
        if isinstance(value, bytes):
            return value
    return None


def remote_identities(session: Value) -> set[bytes]:
    """Give the identities of the contact that a session record was made with.

    Args:
        session: the parsed record.

    Returns:
        Public keys; empty for a form that is not known here.
    """
    found = (_bytes(index.get("remoteIdentityKey")) for index in _indexes(session))
    return {key for key in found if key is not None}


def opened_with(session: Value, identity: bytes) -> float | None:
    """Tell since when a contact's open session is with an identity.

    Args:
        session: the parsed record.
        identity: a public key.

    Returns:
        When the session began, seconds since 1970 by the service's clock; None where the open
        session is with another.
    """
    for index in _indexes(session):
        created = index.get("created")
        is_open = index.get("closed") == -1
        if is_open and type(created) is int and _bytes(index.get("remoteIdentityKey")) == identity:
            return created / 1000
    return None


def _indexes(session: Value) -> Iterator[dict[str, Value]]:
    sessions = session.get("_sessions") if isinstance(session, dict) else None
    for entry in sessions.values() if isinstance(sessions, dict) else ():
        index = entry.get("indexInfo") if isinstance(entry, dict) else None
        if isinstance(index, dict):
            yield index


def _bytes(value: Value) -> bytes | None:
    if not isinstance(value, str):
        return value if isinstance(value, bytes) else None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
