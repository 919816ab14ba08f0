"""Provision a service host; nothing here touches what runs."""

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
    program_unpacked,
    user_present,
)
from roles.hostprogram.command import FOLDER, PROGRAM, RESUME, ZIPAPP, starter, unpacked, zipapp
from roles.hostprogram.plan import CONFIG_DIRECTORY, authority, authority_file
from roles.shared.files import put, template
from roles.shared.packages import packages_installed

TEMPLATES = Path(__file__).parent / "templates"
STATE_DIRECTORY = "/var/lib/baileys-rollout"
BOOT_UNITS = ["baileys-hostswitch-before-pm2.service", RESUME]
RESUME_ALARM = f"{CONFIG_DIRECTORY}/resume-alarm"


def provision() -> None:
    """A host that the service can be staged on, and switched by the program that is there."""
    install()
    user_and_directories()
    host_program()
    configure()
    activate()


def install() -> None:
    """Debian's packages, Node.js where Debian's is too old, and PM2."""
    packages_installed(name="Install Debian packages", packages=host.data.host_packages)
    node_program(name="Install Node.js", version=host.data.node_version)
    global_npm_package(name="Install PM2", package="pm2", version=host.data.pm2_version)


def user_and_directories() -> None:
    """The service's user, and who may look where."""
    user, app_dir = host.data.service_user, host.data.app_dir
    home = host.data.service_home
    user_present(name="Create the service's user", user=user, home=home, shell="/bin/bash")
    no_links(app_dir, f"{app_dir}/releases")
    directory(app_dir, "755", owner=user)
    # As the user who owns the directory above it: root would follow a link that it puts there.
    releases = f"{app_dir}/releases"
    files.directory(name=f"Create {releases}", path=releases, mode="755", _sudo_user=user)
    directory(CONFIG_DIRECTORY, "755")
    directory(FOLDER, "755")
    directory(STATE_DIRECTORY, "700")
    directory(host.data.archive_directory, "700")


def directory(path: str, mode: str, owner: str = "root") -> None:
    """Have a directory, its owner's group's too."""
    files.directory(name=f"Create {path}", path=path, user=owner, group=owner, mode=mode)


def no_links(*paths: str) -> None:
    """Refuse directories that are links, with the remedy; pyinfra's own error has none."""
    for path in paths:
        if host.get_fact(Link, path=path):
            raise PyinfraError(
                f"{path} is a link, and root writes into no directory that a link leads to.\n"
                f"  → have the directory itself there; one on another volume as a mount "
                f"(mount --bind, and in /etc/fstab)"
            )


def host_program() -> None:
    """The program that switches, and the database's certificate authority that it verifies."""
    data = host.data.dict()
    open_switch_ended(
        name="End a switch that was cut off",
        sha256=hashlib.sha256(starter().encode()).hexdigest(),
        journal=f"{STATE_DIRECTORY}/journal.jsonl",
    )
    put(ZIPAPP, zipapp(), mode="755")
    program_unpacked(name="Unpack the host program", place=unpacked())
    put(PROGRAM, starter(), mode="755")
    put(authority_file(data), authority(data))


def configure() -> None:
    """What ends an interrupted switch around PM2's start at boot, and how the service's logs rotate."""
    user = host.data.service_user
    for unit in BOOT_UNITS:
        template(
            f"/etc/systemd/system/{unit}",
            TEMPLATES / f"{unit}.j2",
            program=PROGRAM,
            user=user,
            alarm=RESUME_ALARM,
        )
    resume_alarm()
    template(
        "/etc/logrotate.d/baileys-whatsapp-service",
        TEMPLATES / "logrotate.j2",
        logs=f"{host.data.service_home}/.pm2/logs",
        user=user,
        days=host.data.log_keep_days,
    )


def resume_alarm() -> None:
    """The alarm of a switch that was cut off and that the host could not end by itself."""
    if not host.data.alarm_command:
        files.file(name="Have no alarm of a cut-off switch", path=RESUME_ALARM, present=False)
        return
    template(
        RESUME_ALARM,
        TEMPLATES / "resume-alarm.j2",
        mode="700",
        what=shlex.quote(f"a switch of {host.name} was cut off and could not be ended"),
        unit=RESUME,
        alarm_command=shlex.join(host.data.alarm_command),
    )


def activate() -> None:
    """PM2 at boot, and what looks after an interrupted switch before and after it."""
    pm2_boot_unit(
        name="Start PM2 at boot", user=host.data.service_user, home=host.data.service_home
    )
    enabled_units(name="Look after an interrupted switch at boot", units=BOOT_UNITS)
