"""What a reboot or a power cut brings back."""

from collections.abc import Iterator
from typing import Any

from .support.declared import BOOT_UNITS, Declared
from .support.target import Target
from .support.wording import joined, listed, octal, problems


def dumped(target: Target) -> dict[str, Any]:
    """The service in PM2's dump."""
    dump = target.pm2["dump"] or {}
    assert "apps" in dump, f"PM2's dump {dump.get('problem', 'is missing')}"
    found = [app for app in dump["apps"] if app["name"] == target.declared.service_app]
    assert len(found) == 1, f"PM2's dump holds the service {len(found)} times"
    return dict(found[0])


def test_pm2_starts_at_boot(host: Any, declared: Declared) -> None:
    """After a power cut nothing answers until somebody logs in and starts it."""
    found = host.unit(declared.pm2_unit, "User")
    assert found["UnitFileState"] == "enabled", f"{declared.pm2_unit}: {found['UnitFileState']}"
    assert found["User"] == declared.service_user, f"{declared.pm2_unit} runs as {found['User']}"


def test_pm2_runs_in_its_unit(target: Target, declared: Declared) -> None:
    """A PM2 that somebody's login started is stopped with that login, or not at all at shutdown."""
    daemon = target.pm2["daemon"]
    assert daemon, f"no PM2 daemon of {declared.service_user} is running"
    group = target.host.check_output("cat /proc/%s/cgroup", str(int(daemon)))
    assert f"/{declared.pm2_unit}" in group, f"PM2 runs in {group.splitlines()[-1]}"


def test_dump_starts_the_current_release(target: Target, declared: Declared) -> None:
    """A reboot would start another version than the one that runs: perhaps one that reads files."""
    app = dumped(target)
    entry = str(declared.current / declared.text("service_entry"))
    resolved = f"{target.release}/{declared.text('service_entry')}"
    assert app["pm_exec_path"] in (entry, resolved), f"it would start {app['pm_exec_path']}"
    assert app["pm_cwd"] in (str(declared.current), target.release), f"in {app['pm_cwd']}"


def test_dump_brings_the_service_back_online(target: Target) -> None:
    """A dump saved while the service was stopped leaves it stopped after a reboot."""
    assert dumped(target)["status"] == "online", f"the dump has it {dumped(target)['status']}"


def test_dump_does_not_shadow_the_file(target: Target, declared: Declared) -> None:
    """A flag in the dump is exported at boot and hides every later change of the .env."""
    carried = dumped(target)["carries"]
    wrong = declared.flags_unlike(carried)
    wrong += [f"{name} is in it" for name in carried if name not in declared.flags]
    assert not wrong, f"PM2's dump: {listed(wrong)}"


@problems
def test_dump_is_private(target: Target, declared: Declared) -> Iterator[str]:
    """PM2 writes its dump readable by everybody, with the whole environment in it."""
    modes = {path: mode for path, mode in target.pm2["modes"].items() if "dump.pm2" in path}
    assert modes, f"{declared.pm2_home}/dump.pm2 is missing"
    for path, mode in modes.items():
        if mode & 0o077:
            yield f"{path} has mode {octal(mode)}"


def test_interrupted_switch_is_looked_after_at_boot(host: Any, declared: Declared) -> None:
    """After a power cut in a switch PM2 would start whatever stands there, even on torn files."""
    disabled = [name for name in BOOT_UNITS if host.unit(name)["UnitFileState"] != "enabled"]
    assert not disabled, f"not enabled: {joined(disabled)}"
    after = host.unit(declared.pm2_unit, "After")["After"].split()
    assert BOOT_UNITS[0] in after, f"{declared.pm2_unit} does not wait for {BOOT_UNITS[0]}"
