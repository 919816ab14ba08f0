"""Files or PostgreSQL: what the flags of a service choose."""

from __future__ import annotations

from collections.abc import Mapping

from sessionstore.judgement.activity import DATABASE, FILES, UNKNOWN

POSTGRES = "USE_REPOSITORY_PATTERN"
PROVIDERS = ("USE_LEGACY_SUPABASE", POSTGRES)
OLDER_SWITCH = "USE_DATABASE_AUTH_STATE"
"""Where this is true, releases from before the clean-up keep their keys in PostgreSQL."""


def providers(values: Mapping[str, str]) -> tuple[str, ...]:
    """The provider flags that are true (docs/facts.md section 1); exactly one may be."""
    return tuple(name for name in PROVIDERS if values.get(name, "").strip().lower() == "true")


def on_postgres(values: Mapping[str, str]) -> bool:
    return providers(values) == (POSTGRES,)


def of(file: Mapping[str, str] | None, process: Mapping[str, str] | None) -> str:
    """What a service runs on, or would from its next start. Pure.

    FILES if it is that now or then, DATABASE if it is that now and then, UNKNOWN otherwise. The process's
    environment shadows the file; None: there is no file, or no process of it is seen.
    """
    if file is None:
        return UNKNOWN
    found = {_chosen(file), UNKNOWN if process is None else _chosen({**file, **process})}
    return FILES if FILES in found else DATABASE if found == {DATABASE} else UNKNOWN


def _chosen(values: Mapping[str, str]) -> str:
    """Without any auth provider the old versions run on files (docs/facts.md section 1)."""
    return FILES if not providers(values) else DATABASE if on_postgres(values) else UNKNOWN
