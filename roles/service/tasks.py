"""The switch: the one dangerous act, done by the program on the host."""

from pathlib import Path

from pyinfra import host

from roles.hostprogram.command import detached_command
from roles.hostprogram.plan import ECOSYSTEM_FILE
from roles.hostprogram.step import declared_plan, host_program_step
from roles.hostprogram.steps import SWITCH
from roles.shared.files import template

TEMPLATES = Path(__file__).parent / "templates"


def configure() -> None:
    """PM2's description of the service, which the switch starts it by."""
    template(
        ECOSYSTEM_FILE,
        TEMPLATES / "ecosystem.config.js.j2",
        apps={host.data.service_app: host.data.service_entry, **host.data.sibling_apps},
        app_dir=host.data.app_dir,
        kill_timeout_ms=host.data.kill_timeout_ms,
        pm2_environment=declared_plan()["pm2_environment"],
    )


switch = host_program_step(SWITCH, act=detached_command)
