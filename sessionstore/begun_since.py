"""How many sessions contacts began since the files were written, as far as rows show. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sessionstore.contacts import place_of
from sessionstore.grammar import Key
from sessionstore.session_evidence import opened_by_contact
from sessionstore.values import Value


@dataclass
class BegunSince:
    """What rows that equal no file show of contacts who began a session."""

    pre_keys: list[str] = field(default_factory=list)
    opened: dict[str, set[str]] = field(default_factory=dict)
    identities: set[str] = field(default_factory=set)

    def note(self, key: Key, read: Callable[[], Value | None]) -> None:
        """Keep what a row shows; its value is read only where it matters."""
        if key.key_type == "pre-key":
            self.pre_keys.append(key.key_id)
        elif key.key_type == "session":
            self.opened[key.key_id] = opened_by_contact(read())
        elif key.key_type == "identity-key":
            # Made or changed only by a message that begins a session, which may be gone again.
            self.identities.add(key.key_id)

    def sessions(self, known: set[str], lid_of: Callable[[str], str | None]) -> int:
        """Count the sessions that contacts began, besides those known: for each address once."""
        found = {place_of(address, lid_of): set[str]() for address in self.identities}
        least = dict.fromkeys(found, 1)
        for address, bases in self.opened.items():
            found.setdefault(place_of(address, lid_of), set()).update(bases - known)
            known |= bases
        return sum(max(len(bases), least.get(place, 0)) for place, bases in found.items())
