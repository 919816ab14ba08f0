"""The service under PM2. Its exit codes are never asked: they are 0 for an app that crashes."""

import time
from collections.abc import Iterator

from .support.declared import Declared
from .support.target import Target
from .support.wording import problems

WATCHED_SECONDS = 3.0


def test_service_is_online(target: Target) -> None:
    """Customers' messages are not answered."""
    assert target.app["status"] == "online", f"PM2 calls it {target.app['status']}"


def test_fork_mode_and_one_instance(target: Target) -> None:
    """Cluster mode runs two processes at a reload: two sockets on one account fight."""
    app = target.app
    assert app["exec_mode"] == "fork_mode", f"it runs in {app['exec_mode']}"
    assert app["instances"] in (None, 1), f"{app['instances']} instances are asked for"


def test_restart_count_is_stable(target: Target) -> None:
    """A crash loop looks online to PM2 in between; each loop opens and drops the connection."""
    before = target.app
    began = target.pm2_asked_at or time.monotonic()
    time.sleep(max(0.0, began + WATCHED_SECONDS - time.monotonic()))
    apps = target.pm2_anew()["apps"]
    after = next(app for app in apps if app["name"] == before["name"])
    assert (after["pid"], after["restart_time"]) == (before["pid"], before["restart_time"]), (
        f"it restarted within {time.monotonic() - began:.0f} s "
        f"(restarts {before['restart_time']} → {after['restart_time']})"
    )


def test_service_may_finish_writing_its_keys(target: Target, declared: Declared) -> None:
    """PM2's own 1.6 s kill a service in the middle of writing a ratchet."""
    given = int(target.app["kill_timeout"] or 1600)
    assert given >= declared.number("kill_timeout_ms"), f"PM2 kills it after {given} ms"


@problems
def test_every_app_of_the_pool_is_listed_once(target: Target, declared: Declared) -> Iterator[str]:
    """A switch stops what PM2 lists: an app listed twice or under another name goes on."""
    names = [app["name"] for app in target.pm2["apps"]]
    for name in declared.pm2_apps:
        if names.count(name) != 1:
            yield f"{name} is listed {names.count(name)} times"
