"""What the service runs on, session files or PostgreSQL, in the session store's words."""

from __future__ import annotations

from collections.abc import Mapping

from hostswitch import envfile, processes, swap, watch
from hostswitch.env_refusals import POSTGRES
from hostswitch.host import Host
from hostswitch.plan import providers
from sessionstore.activity import DATABASE, FILES, UNKNOWN


def of(file: Mapping[str, str] | None, process: Mapping[str, str] | None) -> str:
    """What a service runs on, or would from its next start. Pure.

    Args:
        file: its .env; None: there is none.
        process: the environment that it runs with, which shadows the file; None: no process of it
            is seen.

    Returns:
        FILES if it is that now or then, DATABASE if it is that now and then, UNKNOWN otherwise.
    """
    if file is None:
        return UNKNOWN
    found = {_chosen(file), UNKNOWN if process is None else _chosen({**file, **process})}
    return FILES if FILES in found else DATABASE if found == {DATABASE} else UNKNOWN


def _chosen(values: Mapping[str, str]) -> str:
    """Without any auth provider the old versions run on files (docs/facts.md section 1)."""
    chosen = providers(values)
    return FILES if not chosen else DATABASE if chosen == (POSTGRES,) else UNKNOWN


def now(host: Host) -> str:
    """As :func:`of`, for a host as it is now; PM2 is not asked.

    Args:
        host: its .env, and the process that answers at its status endpoint.

    Raises:
        UnsafeFileError: the .env is no regular file, or far too large.
    """
    content = swap.read(host.plan.env_live)
    status = watch.fetch(host.plan.gate.status_url)
    pid = status.get("pid") if isinstance(status, dict) else None
    return of(
        None if content is None else envfile.parse(content),
        processes.environment(pid, host.owner) if isinstance(pid, int) else None,
    )
