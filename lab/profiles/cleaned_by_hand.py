"""Profile `cleaned-by-hand`: on PostgreSQL, and the clean-up done by hand, as docs/facts.md section 1 tells.

Directories deleted without an archive, the cron job taken out, the new version pulled into the
checkout and restarted; nothing of it was recorded anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.machine.remote import Host
from lab.profiles import on_database
from lab.profiles.profile import host_of
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import PM2_APP, as_user

_CLEAN_UP = """
rm -r baileys_sessions baileys_sessions_backup baileys_sessions.backup.* baileys_test_auth
crontab -r
git pull --quiet --ff-only
node --check src/session-pool.js
"""


def build(hosts: Sequence[Host]) -> None:
    """Bring hosts in profile `on-database` to `cleaned-by-hand`.

    Params:
        hosts: all of them.
    Raises:
        LabError: a step failed, or the service does not run on PostgreSQL at the end.
    """
    service = AsRoot(host_of(hosts, "service"))
    as_user(service, _CLEAN_UP)
    as_user(service, f"pm2 stop {PM2_APP}")
    on_database.start(service)
