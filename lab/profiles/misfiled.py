"""Profile `misfiled`: moved to PostgreSQL by an importer that split file names at the first dash.

It compared counts and was content; then the files were deleted. Four keys of five are in the
database under names that Baileys never asks for (docs/facts.md section 2).
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.machine.remote import Host
from lab.profiles.on_database import AGED_DIR, empty_the_live_directory, start, switch_to_postgres
from lab.profiles.profile import host_of
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import COMPANY, PM2_APP, as_user, unpack
from lab.profiles.service_repository import SOURCES


def build(hosts: Sequence[Host]) -> None:
    """Bring hosts in profile `on-files` to `misfiled`.

    Params:
        hosts: all of them.
    Raises:
        LabError: a step failed, or the service does not start on what was imported.
    """
    service = AsRoot(host_of(hosts, "service"))
    as_user(service, f"pm2 stop {PM2_APP}")
    switch_to_postgres(service, host_of(hosts, "database"))
    as_user(service, "node src/migrate.js")
    unpack(service, SOURCES / "aged", AGED_DIR)
    as_user(service, f"node {AGED_DIR}/import-by-first-dash.mjs {COMPANY}")
    empty_the_live_directory(service)
    start(service)
