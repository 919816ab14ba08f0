"""Every check and every command of the host program, as root, on a host whose service's user is hostile.

What that user owns is replaced by links to what root alone may read, by FIFOs, devices and endless
files; names are shell syntax and terminal sequences; PM2 and the service lie. The kernel tells whether
anybody opened, made or changed a file in root's own directory (inotify).
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hostswitch.cli import parser
from rollout.environment.environment import Environment, Host
from rollout.verify.checks import Check
from rollout.verify.verify import run_suite
from tests.ports import free_port
from tests.unit.good_settings import GOOD

from .hostile.host import APP_DIR, HOME, ROOTS, SHELL, UID, USER, HostileHost
from .hostile.touched import Watched
from .hostile.traps import KINDS, dig, lead_away, plant
from .plans import APP, COMPANY, NEW, ROLLOUT

ROOT = Path(__file__).parents[2]
SECONDS = 150
LARGEST_RSS = 700 << 20
TURNS = len(KINDS) + 1
SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
# Each kind of file in some places, links in the place of some directories: the other places are for a soak.
FILES = range(TURNS) if SOAK else (0, 3)
DIRECTORIES = range(3) if SOAK else (0,)


def files(turn: int) -> Callable[[HostileHost], None]:
    """Plant something else in the place of each file."""

    def planted(host: HostileHost) -> None:
        plant(host.files(), turn)
        host.lie([host.app()], {"companies": {}, "flags": {}})

    return planted


def directories(turn: int) -> Callable[[HostileHost], None]:
    """Links to root's directories in the place of some."""

    def planted(host: HostileHost) -> None:
        pm2 = host.path(f"{HOME}/.pm2")
        host.lie([host.app()], {"companies": {}})
        assert pm2.is_dir()
        lead_away(host, turn, 3)

    return planted


def lies(host: HostileHost) -> None:
    """PM2 names root's process and root's files, and everything is named in shell syntax."""
    pid, log = host.roots_process(), f"{ROOTS}/secret"
    told = {"pid": pid, "companies": {SHELL: {"provider": SHELL}}, "flags": {"LOG_LEVEL": SHELL}}
    others = [host.app(name=f"{APP}{SHELL}", pid=pid, pm_out_log_path=log + SHELL)]
    app = host.app(pid=pid, pm_out_log_path=log, pm_err_log_path=f"{HOME}/{SHELL}")
    host.lie([{**app, "pm_id": 1}, *others], told)
    git(host, f"ref: {ROOTS}/device\n")
    (host.path(APP_DIR) / ".env.;touch").touch()
    for name in (f"{APP_DIR}/releases/{NEW}/src", f"{APP_DIR}/baileys_sessions"):
        (host.path(name) / SHELL.replace("/", "_")).mkdir()
        (host.path(name) / SHELL.replace("/", "_") / "session-pool.js").write_text("}")


def git(host: HostileHost, head: str) -> None:
    """Have no release: the checkout in place runs, with this as its HEAD."""
    host.path(f"{APP_DIR}/current").unlink()
    host.path(f"{APP_DIR}/.git/HEAD").write_text(head)


def shell_in_log_path(host: HostileHost) -> None:
    """Only the log's path is odd, so that everything else goes its usual way."""
    host.lie([host.app(pm_out_log_path=f"{HOME}/;touch {ROOTS}/owned;")], {"companies": {}})


def deep_trees(host: HostileHost) -> None:
    """Directories deeper than a program can call itself, in names that are no text; JSON likewise."""
    host.lie([host.app()], {"companies": {}})
    release = host.path(f"{APP_DIR}/releases/{NEW}")
    for number, place in enumerate(host.directories()):
        if number % 3 == 0 or place == release / "src":
            dig(place, 1500)
    for lock in (release, host.path(APP_DIR)):
        (lock / "package-lock.json").write_text("[" * 100_000)


def release_of_roots(host: HostileHost) -> None:
    """`current` leads to root's own directory."""
    host.lie([host.app(pid=host.roots_process())], {"companies": {}})
    host.path(f"{APP_DIR}/current").unlink()
    host.path(f"{APP_DIR}/current").symlink_to(ROOTS)


def endless_answers(host: HostileHost) -> None:
    """PM2 and the service never stop talking."""
    host.lie(None, None)


STATES: dict[str, Callable[[HostileHost], None]] = {
    **{f"files-{turn}": files(turn) for turn in FILES},
    **{f"directories-{turn}": directories(turn) for turn in DIRECTORIES},
    "lies": lies,
    "shell-in-log-path": shell_in_log_path,
    "deep-trees": deep_trees,
    "release-of-roots": release_of_roots,
    "endless-answers": endless_answers,
}


@pytest.fixture
def whole(tools: Path, server: Path) -> Iterator[HostileHost]:
    """A host with nothing planted on it yet."""
    # Where the user gets to, and no check looks for stray session files.
    place = Path(f"/dev/shm/hostile-{os.getpid()}")
    place.mkdir(mode=0o755)
    found = HostileHost(place, tools, free_port())
    try:
        found.build(server)
        yield found
    finally:
        found.tear_down()


@pytest.fixture(params=STATES)
def host(request: pytest.FixtureRequest, whole: HostileHost) -> HostileHost:
    """A host with the user's plants on it, and root's directory not yet touched."""
    STATES[request.param](whole)
    return whole


def settings(host: HostileHost) -> dict[str, Any]:
    """What the environment declares of it."""
    return {
        **GOOD,
        "service_user": USER,
        "service_home": HOME,
        "app_dir": APP_DIR,
        "service_port": host.port,
        "database_host": "127.0.0.1",
        "companies": [COMPANY],
        "retired_scripts": ["scripts/init-baileys-session.js"],
        "retired_scripts_archive": "scripts/archive",
        "retired_cron_jobs": ["cleanup.js"],
    }


def commands(host: HostileHost) -> dict[str, tuple[list[str], Any]]:
    """By command of the host program: its further words, and what it reads."""
    plan = host.plan()
    flags = {
        "env_live": plan["env_live"],
        "service_user": USER,
        "pm2_home": plan["pm2_home"],
        "service_app": APP,
        "status_url": plan["gate"]["status_url"],
        "flags_at": "flags",
        "declared": {"LOG_LEVEL": "info", "POSTGRES_PASSWORD": "other"},
        "names": ["LOG_LEVEL", "POSTGRES_PASSWORD"],
        "secret_names": ["POSTGRES_PASSWORD"],
    }
    env = {
        **{name: plan[name] for name in ("env_live", "env_next", "service_user")},
        "settings": {**plan["flags"], **host.connection()},
        "secret_names": ["POSTGRES_PASSWORD"],
        "never_secret": ["LOG_LEVEL"],
    }
    archived = {
        f"{plan['archive']['directory']}/{ROLLOUT}/{name}.tar.zst.age": "passed"
        for name in ("baileys_sessions", "baileys_sessions_backup")
    }
    toggled = dict.fromkeys(("rollout_id", "operator", "reason", "undoes"), "x")
    asked = [
        {"command": one, "plan": plan} for one in ("preflight --plan -", "prune --check --plan -")
    ]
    return {
        "status": (["--app-dir", APP_DIR], None),
        "env": ([], env),
        "flags": ([], flags),
        "survey": ([], {"questions": asked}),
        "preflight": ([], plan),
        "toggle": ([], {"env": env, "switch": plan, "flags": flags}),
        "switch": ([], plan),
        "resume": ([], None),
        # What is due goes now.
        "record": ([], {"rollout_id": ROLLOUT, "verified": True, "archives": archived}),
        "archive": ([], plan),
        "remove": ([], plan),
        "prune": ([], plan),
        "restore": (["--check", "baileys_sessions"], plan),
        "daily-check": ([], plan),
        "toggled": ([], {**toggled, "scope": "host", "changes": []}),
        "store": (["scan", f"{APP_DIR}/baileys_sessions"], None),
    }


def test_nothing_of_roots_is_given(host: HostileHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever breaks into the service must not get the host with the next verification or switch."""
    monkeypatch.setenv("PATH", f"{host.place}/bin:{os.environ['PATH']}")
    watched = Watched(host.roots)
    told: list[Check] = []
    began = time.monotonic()
    environment = Environment("lab", (Host("wa-1", ("service",), settings(host)),))
    results = run_suite(
        environment, ROOT / "tests" / "host", ["--environment", "lab"], {"wa-1": told.append}
    )
    said = json.dumps([vars(one) for one in told]) + repr(results)
    problems = judged(host, "verify", said, time.monotonic() - began, watched)
    assert len(told) > 60, "the checks were not made"
    known = commands(host)
    assert set(known) == set(subcommands()), "a command of the host program is not tried here"
    for name, (words, given) in known.items():
        began = time.monotonic()
        said = host.hostswitch(name, words, given)
        problems += judged(host, name, said, time.monotonic() - began, watched)
    watched.close()
    assert not problems, "\n".join(problems)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    assert largest < LARGEST_RSS, f"something took {largest >> 20} MiB"


# What the user does at the instant when nothing is judged any more, and root acts: the service is down.
LINK = f"ln -s {ROOTS}"
SWAPS = {
    "nothing": ":",
    "sessions": f"mv baileys_sessions x; {LINK} baileys_sessions",
    "company": f"cd baileys_sessions; mv company_{COMPANY} x; {LINK} company_{COMPANY}",
    "key": f"cd baileys_sessions/company_{COMPANY}; rm pre-key-1.json; {LINK}/secret pre-key-1.json",
    "sum": "truncate -s 16M $(seq -f baileys_sessions_backup/%.0f 4000) "
    f"$(seq -f baileys_sessions/company_{COMPANY}/session-%.0f.0.json 4000)",
    "holes": f"truncate -s 1T baileys_sessions/company_{COMPANY}/.x.tmp baileys_sessions_backup/x",
    "backup": f"mv baileys_sessions_backup x; {LINK}/.git baileys_sessions_backup",
    "place": f"mv .set-aside x; {LINK} .set-aside",
    "own-place": f"mv .set-aside x; mkdir -p .set-aside/{ROLLOUT}; {LINK} .set-aside/{ROLLOUT}/a",
    "next": f"rm .env.next; {LINK}/secret .env.next",
    "live": f"rm .env; {LINK}/secret .env; mkfifo .env.previous",
    "current": f"rm current; {LINK} current; mkdir .current.new",
    "release": f"mv releases x; {LINK} releases",
    "pm2": f"cd {HOME}; mv .pm2 x; {LINK} .pm2",
    "dump": f"cd {HOME}/.pm2; rm dump.pm2*; {LINK}/secret dump.pm2; mkfifo dump.pm2.bak",
    "logs": f"cd {HOME}/.pm2; rm -r logs; {LINK} logs",
}


FEW = ("nothing", "key", "place", "live", "pm2", "logs")


@pytest.mark.parametrize(
    "swap", [pytest.param(SWAPS[one], id=one) for one in SWAPS if SOAK or one in FEW]
)
def test_what_is_swapped_at_the_stop_leads_root_nowhere(whole: HostileHost, swap: str) -> None:
    pid = whole.service()
    status = {"companies": {}, "pid": pid, "flags": {}}
    whole.lie([whole.app(pid=pid)], status, f"cd {APP_DIR}; {swap}")
    watched = Watched(whole.roots)
    known, problems = commands(whole), []
    for name in ("env", "switch", "resume", "archive", "daily-check", "status"):
        words, given = known[name]
        given = {**given, "rollout_id": f"{ROLLOUT}-now"} if name == "switch" else given
        began = time.monotonic()
        said = whole.hostswitch(name, words, given)
        assert name != "switch" or "stop the service" in said
        assert "Errno 13" not in said, "root asked with that user's rights, and gave up"
        problems += judged(whole, name, said, time.monotonic() - began, watched)
    watched.close()
    assert not problems, "\n".join(problems)


def test_of_very_many_mistakes_the_first_are_told(whole: HostileHost) -> None:
    """An answer of 30 MB was none: nobody was told why it is refused."""
    company = whole.path(f"{APP_DIR}/baileys_sessions/company_{COMPANY}")
    for number in range(500):
        (company / f"note-{number}\x1b[2J").touch()
    pid = whole.service()
    whole.lie([whole.app(pid=pid)], {"companies": {}, "pid": pid, "flags": {}})
    known = commands(whole)
    for name in ("preflight", "switch"):
        words, given = known[name]
        said = whole.hostswitch(name, words, {**given, "rollout_id": f"{ROLLOUT}-now"})
        (result,) = (line for line in said.splitlines() if line.startswith("{"))
        notes = [one for one in json.loads(result)["details"] if "note-" in one["where"]]
        assert len(notes) == 21 and "… and 480 more" in notes[-1]["what"]


@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_an_application_in_a_directory_of_the_users_is_refused(
    whole: HostileHost, mode: int
) -> None:
    """He could put a link in its place when root acts, whoever owns what lies in it."""
    above = whole.path("/opt")
    above.chmod(mode)
    os.chown(above, *((UID, UID) if mode == 0o755 else (0, 0)))
    whole.lie([whole.app()], {"companies": {}})
    known = commands(whole)
    said = whole.hostswitch("preflight", *known["preflight"])
    assert "chown root /opt && chmod go-w /opt" in said
    assert "chown root /var" not in said, "root's own places are told too"


def judged(host: HostileHost, what: str, said: str, seconds: float, watched: Watched) -> list[str]:
    """What a run gave away."""
    print(f"--- {what}: {seconds:.1f} s\n{said}")
    found = [f"{what}: {one}" for one in watched.seen()]
    if host.canary in said:
        found.append(f"{what}: the secret is in its answer")
    if "has mistakes" in said:
        found.append(f"{what}: it was not tried, what it was given is refused")
    if "\x1b" in said or "Traceback" in said:
        found.append(f"{what}: a control sequence or a traceback is in its answer")
    if seconds > SECONDS:
        found.append(f"{what}: took {seconds:.0f} s")
    return found


def subcommands() -> list[str]:
    """Every command of the host program."""
    (actions,) = (one for one in parser()._actions if one.dest == "command")
    assert actions.choices
    return list(actions.choices)
