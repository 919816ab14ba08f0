"""Whether a legacy directory may be put back where the service once looked for it.

Pure. Who runs, and from where it reads, is for the caller to find out: this package knows no
process manager.
"""

from __future__ import annotations

from collections.abc import Sequence


def objections(reads_files: bool | None, in_database: Sequence[str] | None) -> tuple[str, ...]:
    """Say why a directory must not be put back in its place.

    Its declared kind does not count: what the service once used may be declared as a backup by now.
    ``in_database`` are the companies that the database has something of; None: nobody can tell.
    """
    if reads_files is False:
        return ()
    service = (
        "the service reads session files" if reads_files else "nobody can tell what a start reads"
    )
    if in_database is None:
        return (f"{service}, and nobody can tell whether the database has newer keys",)
    return tuple(
        f"{service}, and the database has company {company}: its ratchets would go back"
        for company in in_database
    )
