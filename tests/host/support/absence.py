"""Whether a key that was imported may be absent now. Pure: evidence in, verdict out.

An import record alone explains nothing: a clean-up job may have deleted what Baileys needs. Only
what Baileys itself deletes is explained, and only with evidence (docs/facts.md section 2, "What a mover
must respect"). Judged here anew, and not by the program whose work is being checked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """What the database shows of a company beside its absent keys.

    Args:
        first_unuploaded_pre_key: pre-keys below it were given to WhatsApp: peers use them up.
        lid_of: phone-number user → LID user, from lid-mapping.
    """

    credentials_moved_on: bool
    first_unuploaded_pre_key: int
    lid_of: Mapping[str, str]
    sessions: Collection[str]


def explanation(key_type: str, key_id: str, evidence: Evidence) -> str | None:
    """Why Baileys may have deleted a key; None if nothing explains its absence."""
    if key_type == "pre-key":
        uploaded = key_id.isdigit() and int(key_id) < evidence.first_unuploaded_pre_key
        if uploaded and evidence.credentials_moved_on:
            return "uploaded, and the credentials have moved on: a peer used it up"
    if key_type == "session":
        user, _, device = key_id.rpartition(".")
        lid = evidence.lid_of.get(user)
        if lid is not None and f"{lid}_1.{device}" in evidence.sessions:
            return f"moved to its LID, {lid}_1.{device}"
    return None
