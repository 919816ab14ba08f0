"""The service's user, and who may look and write where."""

from collections.abc import Iterator
from typing import Any

from .support.declared import CONFIG, HOST_PROGRAM, STATE, Declared
from .support.target import Target
from .support.wording import listed, octal, problems

WRITABLE_BY_EVERYBODY = 0o002


def test_service_user_exists(host: Any, declared: Declared) -> None:
    """Without its user and home PM2 can't start the service at boot."""
    user = host.user(declared.service_user)
    assert user.exists, f"there is no user {declared.service_user}"
    assert user.home == declared.text("service_home"), f"its home is {user.home}"


@problems
def test_service_user_has_no_power(host: Any, declared: Declared) -> Iterator[str]:
    """A hole in the service would be a hole in the whole host."""
    name = declared.service_user
    entry = host.check_output("getent shadow %s", name).split(":")
    groups = set(host.check_output("id -nG %s", name).split())
    for group in groups & {"sudo", "root", "docker"}:
        yield f"{name} is in the group {group}"
    if host.check_output("id -u %s", name) == "0":
        yield f"{name} is root"
    if not entry[1].startswith(("!", "*")):
        yield f"{name} can log in with a password"


@problems
def test_directories_belong_to_whom_they_should(host: Any, declared: Declared) -> Iterator[str]:
    """Wrong owners stop the next release; wrong modes show keys and passwords to every user."""
    user = declared.service_user
    expected = {
        str(declared.app_dir): (user, None),
        str(declared.app_dir / "releases"): (user, None),
        str(declared.pm2_home): (user, None),
        str(CONFIG): ("root", 0o755),
        str(HOST_PROGRAM.parent): ("root", 0o755),
        str(STATE): ("root", 0o700),
        str(declared.archives): ("root", 0o700),
    }
    for path, (owner, mode) in expected.items():
        found = host.run("stat -c '%%F %%U %%a' -- %s", path)
        if found.rc != 0 or not found.stdout.startswith("directory "):
            yield f"{path} is not a directory"
            continue
        _, really_owner, digits = found.stdout.split()
        really = int(digits, 8)
        if really_owner != owner:
            yield f"{path} belongs to {really_owner}, not {owner}"
        if mode is not None and really != mode:
            yield f"{path} has mode {octal(really)}, not {octal(mode)}"
        if really & WRITABLE_BY_EVERYBODY:
            yield f"{path} can be changed by every user"


def test_what_root_runs_is_roots(host: Any, declared: Declared) -> None:
    """The service's user could have root run its own code: a unit, the host program."""
    places = [str(CONFIG), str(HOST_PROGRAM.parent), "/etc/systemd/system"]
    command = "find %s %s %s -xdev \\( ! -user root -o -perm /022 \\) ! -type l -print"
    found = host.lines(command, *places)
    assert not found, f"not root's alone: {listed(found)}"


def test_home_is_closed_to_strangers(target: Target, declared: Declared) -> None:
    """PM2's socket stands in it: whoever can write there starts programs as the service's user."""
    modes = {str(path): int(mode) for path, mode in target.pm2["modes"].items()}
    home = modes.get(str(declared.pm2_home))
    assert home is not None, f"{declared.pm2_home} does not exist"
    assert not home & WRITABLE_BY_EVERYBODY, f"{declared.pm2_home} has mode {octal(home)}"
