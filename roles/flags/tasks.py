"""Stage the next .env beside the live one; the switch puts it in place.

It is edited on the host, so that secrets that only the host knows never leave it.
"""

from pyinfra import host

from roles.hostprogram.plan import environment_plan
from roles.hostprogram.step import host_program_step
from roles.hostprogram.steps import STAGE_SETTINGS

stage = host_program_step(STAGE_SETTINGS, plan=lambda: environment_plan(host.data.dict()))
