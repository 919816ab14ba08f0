"""Profile `ai-admin-on-files`: ai-admin before its sessions move; PM2 and the application under root.

Its tables are there, empty, with the index that loses writes; one role owns everything.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.machine.remote import Host
from lab.place import LabError
from lab.profiles import database_by_hand
from lab.profiles.ai_admin import install, stand_ins
from lab.profiles.profile import host_of
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import APP_DIR, KEYS


def build(hosts: Sequence[Host]) -> None:
    """Bring clean hosts into the profile.

    Params:
        hosts: all of them.
    Raises:
        LabError: a step failed, or the service does not run on its files at the end.
    """
    service, database = AsRoot(host_of(hosts, "service")), host_of(hosts, "database")
    access = database_by_hand.prepare(database, install.DATABASE, install.ROLE)
    install.make_tables(database)
    install.check_out(service)
    install.write_env(service, access, stand_ins.whatsapp(service))
    install.seed(service)
    live = f"{APP_DIR}/baileys_sessions/company_{install.COMPANY}"
    if (number := int(service.run(f"ls {live} | wc -l"))) != KEYS + 1:
        raise LabError(f"{live} should hold {KEYS} keys and the credentials, not {number} files")
    install.run(service, "sh scripts/setup-baileys-cleanup-cron.sh")
    install.start(service)
    install.require(
        service,
        f"Using file auth state for company {install.COMPANY}",
        f"WhatsApp connected for company {install.COMPANY}",
    )
