"""How checks put what they found into words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def listed(problems: Iterable[str], limit: int = 8) -> str:
    """Problems as one text, a line each; of many only the first, and how many more there are."""
    found = list(problems)
    more = [f"… and {len(found) - limit} more"] if len(found) > limit else []
    return "\n".join([*found[:limit], *more])


def octal(mode: int) -> str:
    """Permission bits as people write them."""
    return f"{mode:04o}"


def joined(names: Sequence[object]) -> str:
    """Names with commas, or "none"."""
    return ", ".join(map(str, names)) or "none"
