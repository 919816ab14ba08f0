"""A `.env` as the service's own library reads it, with every value that a name has in it."""

from __future__ import annotations

from hostswitch.envfile.dotenv import assignments


def parse(text: str) -> dict[str, list[str]]:
    """Every value that each name has in the file, in order; dotenv uses the last."""
    found: dict[str, list[str]] = {}
    for one in assignments(text):
        found.setdefault(one.name, []).append(one.value)
    return found
