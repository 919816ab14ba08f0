"""Whose lines stand in a pg_hba.conf: this package's, Debian's own, or somebody's. Pure."""

from collections.abc import Sequence

OURS = "# Installed by baileys-rollout"
# As Debian's packages make the file (PostgreSQL 13 to 18).
DEBIANS = (
    "local all postgres peer",
    "local all all peer",
    "host all all 127.0.0.1/32 scram-sha-256",
    "host all all 127.0.0.1/32 md5",
    "host all all ::1/128 scram-sha-256",
    "host all all ::1/128 md5",
    "local replication all peer",
    "host replication all 127.0.0.1/32 scram-sha-256",
    "host replication all 127.0.0.1/32 md5",
    "host replication all ::1/128 scram-sha-256",
    "host replication all ::1/128 md5",
)

Rule = tuple[str, ...]


def strange_lines(present: Sequence[str], declared: Sequence[str]) -> list[str]:
    """The lines that nobody would have any more, were those that are present replaced.

    They let somebody in whom the declared lines don't, and are neither Debian's own nor written by
    this package for networks that were declared before.
    """
    known = {one for line in (*declared, *DEBIANS) for one in _rules(line)}
    written_before = bool(present) and present[0].startswith(OURS)
    pairs = {fields[2] for line in declared if len(fields := _fields(line)) > 2}
    return [
        line.strip()
        for line in present
        if _fields(line)
        and not _rules(line) <= known
        and not (written_before and _is_for_clients(line, pairs))
    ]


def _is_for_clients(line: str, pairs: set[str]) -> bool:
    """Whether it is one of this package's lines, for a network that is not declared any more."""
    fields = _fields(line)
    shape = (fields[0], fields[-1], len(fields))
    return shape == ("hostssl", "scram-sha-256", 5) and "," in fields[2] and fields[2] in pairs


def _rules(line: str) -> set[Rule]:
    """A line for each of its users; a comment is none."""
    fields = _fields(line)
    if len(fields) < 4:
        return {fields} if fields else set()
    return {(*fields[:2], user, *fields[3:]) for user in fields[2].split(",")}


def _fields(line: str) -> Rule:
    return tuple(line.partition("#")[0].split())
