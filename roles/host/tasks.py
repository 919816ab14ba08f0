"""Provision a service host; nothing here touches what runs."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

from pyinfra import host
from pyinfra.api.exceptions import PyinfraError
from pyinfra.facts.files import Link
from pyinfra.operations import files

from roles.host.operations import (
    enabled_units,
    global_npm_package,
    node_program,
    open_switch_ended,
    pm2_boot_unit,
    user_present,
)
from roles.hostprogram.command import PROGRAM, RESUME, ZIPAPP, zipapp
from roles.hostprogram.plan import CONFIG_DIRECTORY, authority, authority_file
from roles.shared.files import content_of, put
from roles.shared.packages import packages_installed

FOLDER = Path(__file__).parent
STATE_DIRECTORY = "/var/lib/baileys-rollout"
BOOT_UNITS = ["baileys-hostswitch-before-pm2.service", RESUME]
RESUME_ALARM = f"{CONFIG_DIRECTORY}/resume-alarm"


def provision() -> None:
    """Packages, user, directories, PM2, the host program and its boot units."""
    packages()
    user_and_directories()
    host_program()
    pm2()


def packages() -> None:
    """Debian's packages, Node.js where Debian's is too old, and PM2."""
    packages_installed(
        name="Install Debian packages",
        packages=host.data.host_packages,
    )
    node_program(name="Install Node.js", version=host.data.node_version)
    global_npm_package(name="Install PM2", package="pm2", version=host.data.pm2_version)


def user_and_directories() -> None:
    """The service's user, and who may look where."""
    user = host.data.service_user
    user_present(
        name="Create the service's user",
        user=user,
        home=host.data.service_home,
        shell="/bin/bash",
    )
    no_links(host.data.app_dir, f"{host.data.app_dir}/releases")
    files.directory(
        name=f"Create {host.data.app_dir}",
        path=host.data.app_dir,
        user=user,
        group=user,
        mode="755",
    )
    # As the user who owns the directory above it: root would follow a link that it puts there.
    files.directory(
        name=f"Create {host.data.app_dir}/releases",
        path=f"{host.data.app_dir}/releases",
        mode="755",
        _sudo_user=user,
    )
    for path, owner, mode in (
        (CONFIG_DIRECTORY, "root", "755"),
        (str(Path(ZIPAPP).parent), "root", "755"),
        (STATE_DIRECTORY, "root", "700"),
        (host.data.archive_directory, "root", "700"),
    ):
        files.directory(name=f"Create {path}", path=path, user=owner, group=owner, mode=mode)


def no_links(*paths: str) -> None:
    """Refuse directories that are links, with the remedy; pyinfra's own error has none.

    Raises:
        PyinfraError: one is.
    """
    for path in paths:
        if host.get_fact(Link, path=path):
            raise PyinfraError(
                f"{path} is a link, and root writes into no directory that a link leads to.\n"
                f"  → have the directory itself there; one on another volume as a mount "
                f"(mount --bind, and in /etc/fstab)"
            )


def host_program() -> None:
    """The program that switches, and the database's certificate authority that it verifies."""
    open_switch_ended(
        name="End a switch that was cut off",
        zipapp=ZIPAPP,
        sha256=hashlib.sha256(zipapp()).hexdigest(),
        journal=f"{STATE_DIRECTORY}/journal.jsonl",
    )
    put(name="Install the host program", path=ZIPAPP, content=zipapp(), mode="755")
    put(
        name="Install its command",
        path=PROGRAM,
        content=content_of(FOLDER / "templates/baileys-hostswitch.sh.j2", zipapp=ZIPAPP),
        mode="755",
    )
    put(
        name="Stage the database's certificate authority",
        path=authority_file(host.data.dict()),
        content=authority(host.data.dict()),
    )


def resume_alarm() -> None:
    """The alarm of a switch that was cut off and that the host could not end by itself."""
    if not host.data.alarm_command:
        files.file(name="Have no alarm of a cut-off switch", path=RESUME_ALARM, present=False)
        return
    put(
        name="Install the alarm of a cut-off switch",
        path=RESUME_ALARM,
        content=content_of(
            FOLDER / "templates/resume-alarm.j2",
            what=shlex.quote(f"a switch of {host.name} was cut off and could not be ended"),
            unit=RESUME,
            alarm_command=shlex.join(host.data.alarm_command),
        ),
        mode="700",
    )


def pm2() -> None:
    """PM2 at boot, an interrupted switch looked after around it, and its logs rotated."""
    user = host.data.service_user
    pm2_boot_unit(name="Start PM2 at boot", user=user, home=host.data.service_home)
    for unit in BOOT_UNITS:
        put(
            name=f"Install {unit}",
            path=f"/etc/systemd/system/{unit}",
            content=content_of(
                FOLDER / f"templates/{unit}.j2", program=PROGRAM, user=user, alarm=RESUME_ALARM
            ),
        )
    resume_alarm()
    enabled_units(name="Look after an interrupted switch at boot", units=BOOT_UNITS)
    put(
        name="Rotate the service's logs",
        path="/etc/logrotate.d/baileys-whatsapp-service",
        content=content_of(
            FOLDER / "templates/logrotate.j2",
            logs=f"{host.data.service_home}/.pm2/logs",
            user=user,
            days=host.data.log_keep_days,
        ),
    )
