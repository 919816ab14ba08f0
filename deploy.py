"""The rollout of one host, top to bottom. Everything but `switch` and `remove` only stages.

All hosts, in order and verified: `rollout apply ENVIRONMENT`.
This file by itself, one host: `pyinfra inventory/ENVIRONMENT.py deploy.py --limit HOST`.
"""

from pyinfra import host

from roles.database import tasks as database
from roles.flags import tasks as flags
from roles.guard import checked_settings, one_active_host
from roles.host import tasks as host_base
from roles.release import tasks as release
from roles.schema import tasks as schema
from roles.service import tasks as service
from roles.sessions import tasks as sessions

checked_settings()
one_active_host()

if "database" in host.groups:
    database.provision()

if "service" in host.groups:
    host_base.provision()

    # The schema only ever grows, so it comes before the code that wants it and harms none that runs.
    schema.migrate()
    # Beside what runs: nothing reads any of it before the switch.
    release.stage()
    flags.stage()

    # The one dangerous act, where all that it needs is there. The daily check expects what it leaves.
    service.switch()
    sessions.schedule_daily_check()

    # After the switch: until it went well, the old version may need any of this again.
    sessions.retire_scripts_and_cron_jobs()
    sessions.archive()
    sessions.remove()
    release.prune()
