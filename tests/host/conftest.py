"""Checks of an environment's hosts.

    pytest tests/host --environment lab [--only disk] [--hosts wa-1]

Nothing here changes a host. A file without a mark `on` is for service hosts. Without `--environment` the
checks are left out of the collection: they belong to `rollout verify` and to the whole-rollout tests.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rollout.environment.environment import AT_ONCE, SERVICE, Host, load, taken_over
from rollout.errors import OperatorError

from .support.declared import Declared
from .support.reporting import Reporter, SideBySide
from .support.suite import Suite
from .support.target import Target

HERE = Path(__file__).resolve().parent
SUITE = pytest.StashKey[Suite]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--hosts` is testinfra's own option, with the same meaning."""
    group = parser.getgroup("an environment's hosts")
    group.addoption("--environment", metavar="NAME", help="whose hosts to check")
    group.addoption("--only", metavar="CONCERN", help="one file of checks: disk for test_disk.py")
    handed = "for `rollout verify`: the environment as it was loaded, from this descriptor"
    group.addoption("--environment-from", type=int, metavar="FD", help=handed)
    reports = "for `rollout verify`: JSON lines, each host's to a descriptor, in their order"
    group.addoption("--report-to", metavar="FD,FD…", help=reports)


def pytest_configure(config: pytest.Config) -> None:
    """Load the environment; its mistakes end the run in one list, before any host is contacted."""
    config.addinivalue_line(
        "markers", "on(*groups): the groups of hosts that checks are for; without it service hosts"
    )
    environment = config.getoption("--environment", default=None)
    if environment is None:
        return
    only_hosts = (config.getoption("hosts") or "").split(",")
    handed = config.getoption("--environment-from")
    try:
        loaded = load(environment) if handed is None else taken_over(_read(handed))
        suite = Suite(loaded, [name for name in only_hosts if name])
    except OperatorError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SUITE] = suite
    config.add_cleanup(suite.close)
    reporter = Reporter(suite)
    config.pluginmanager.register(reporter)
    if config.getoption("--report-to"):
        numbers = map(int, config.getoption("--report-to").split(","))
        names = [host.name for host in suite.hosts]
        descriptors = dict(zip(names, numbers, strict=True))
        config.pluginmanager.register(SideBySide(reporter, descriptors, AT_ONCE))


def _read(descriptor: int) -> dict[str, Any]:
    with os.fdopen(descriptor) as handed:
        return dict(json.load(handed))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the checks out where no environment is named."""
    inside = HERE in collection_path.resolve().parents
    return True if inside and SUITE not in config.stash else None


def pytest_report_collectionfinish(config: pytest.Config) -> str:
    """Say that the checks were left out, and how they are run."""
    if SUITE in config.stash:
        return ""
    return (
        "tests/host: left out, because they look at an environment's hosts: "
        "`rollout verify ENVIRONMENT` or `pytest tests/host --environment ENVIRONMENT`"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each check once for each host of the group that its file is for."""
    if "target" in metafunc.fixturenames:
        hosts = metafunc.config.stash[SUITE].hosts_in(*_groups(metafunc.definition))
        names = [host.name for host in hosts]
        metafunc.parametrize("target", hosts, ids=names, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the checks that `--only` names, and none of a group without hosts."""
    mine = [item for item in items if HERE in item.path.parents]
    if SUITE not in config.stash or not mine:
        return
    concern = config.getoption("--only")
    concerns = sorted({_concern(item) for item in mine})
    if concern is not None and concern not in concerns:
        raise pytest.UsageError(f"no checks of {concern!r}; there are: {', '.join(concerns)}")
    suite = config.stash[SUITE]
    left_out = [
        item
        for item in mine
        if concern not in (None, _concern(item)) or not suite.hosts_in(*_groups(item))
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _groups(item: pytest.Item) -> tuple[str, ...]:
    marker = item.get_closest_marker("on")
    return tuple(map(str, marker.args)) if marker else (SERVICE,)


def _concern(item: pytest.Item) -> str:
    return item.path.stem.removeprefix("test_")


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    """The host under check, connected."""
    host: Host = request.param
    try:
        return request.config.stash[SUITE].target(host)
    except OperatorError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def host(target: Target) -> Any:
    """testinfra's host, with sudo; takes the place of testinfra's own fixture."""
    return target.host


@pytest.fixture
def declared(target: Target) -> Declared:
    """What the environment declares about the host."""
    return target.declared
