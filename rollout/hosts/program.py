"""The host program's answers, in the shapes that the command relies on: judged where they come in.

A shape is a type; a tuple of shapes, any of which will do; a list of one, which each item has; or a
mapping by name, where ``name?`` may be missing, ``*`` is every value and names besides are nobody's.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from roles.hostprogram.command import PROGRAM, starter
from roles.hostprogram.plan import host_plan, names_of, status_url
from roles.hostprogram.said import UnreadableError, object_in
from rollout.console import Progress
from rollout.environment.environment import AT_ONCE, SERVICE, Environment, Host
from rollout.errors import OperatorError
from rollout.hosts.ssh import ANSWER_SECONDS, NOT_FOUND, Connections
from rollout.processes.children import each
from rollout.secret import Secret
from rollout.settings.catalogue import catalogue, revealed

Answer = dict[str, Any]
Done = subprocess.CompletedProcess[bytes]
WENT_WELL = (0, 2)
"""The program's exit codes: done, or only asked and there are changes."""
ANYTHING = object
TEXT = (str, type(None))
COUNT = (int, type(None))
NUMBER = (int, float, type(None))
CHANGE = {"name": str, "from": TEXT, "to": TEXT}
RATE = {"lines": int, "minutes": NUMBER}

SWITCH = {
    "companies?": {"*": {}},
    "revision?": ({}, type(None)),
    "flags?": [CHANGE],
    "awaiting_pairing?": [str],
    "dispositions?": {"equal?": COUNT},
    "seconds_without_service?": NUMBER,
    "at_least_seconds_without_service?": NUMBER,
    "clock_ahead_seconds?": NUMBER,
    "lost_key_lines?": ({"after": RATE, "before": RATE}, type(None)),
}
WAITING = {"why": str, "archive?": TEXT, "manifest?": TEXT}
RESULT = {
    **SWITCH,
    "exit?": COUNT,
    "outcome?": TEXT,
    "error?": TEXT,
    "reason?": TEXT,
    "refusals?": [str],
    "not_checked?": [str],
    "found?": [str],
    "due?": [str],
    "beside?": [str],
    "changes?": [(str, {"sentence": str}, {"name": str})],
    "waiting?": [WAITING],
    "archives?": [{"name": str, "files": int, "bytes": int}],
    "removed?": [{"name": str, "kind": str, "files": int, "freed": COUNT}],
    "pruned?": [{"name": str, "freed": int}],
    "resumed?": (SWITCH, type(None)),
}
"""Of every step of the host program, changed or only asked."""

STATUS = {
    "revision": TEXT,
    "companies?": ([str], type(None)),
    "open": ({"rollout_id": TEXT, "next": str}, type(None)),
    "set_aside": [{"name": str, "since": TEXT, "removal": TEXT}],
    "daily_check?": ({"outcome?": TEXT, "at?": TEXT, "problems?": [str]}, type(None)),
    "history": [{"event?": TEXT, "at?": TEXT}],
}
FLAG = {"file": TEXT, "process": TEXT, "service": TEXT, "source": str, "told": bool}
FLAGS = {
    "revision": TEXT,
    "running": bool,
    "answers": bool,
    "problem": TEXT,
    "flags": {"*": {**FLAG, "repeated": bool}},
}
TOGGLED = {"outcome": str, "staged": [CHANGE], "seconds_without_service?": NUMBER, "seen": FLAGS}
RESTORING = {"outcome": str, "refusals?": [str], "set_aside_by?": TEXT, "archive?": TEXT}
ERROR = {"error": str, "outcome?": TEXT, "refusals?": [str]}
# Lines of the history that tell of flags; there are others.
FLAGS_LINE = {"rollout_id": str, "at": str, "undoes": str, "changes": [CHANGE]}
SWITCH_LINE = {"rollout_id": str, "at": str, "flags?": ([CHANGE], type(None))}


def misfit(value: Any, shape: Any, place: str = "the answer") -> str:
    """What is not of a shape, in a few words; empty if all is."""
    if isinstance(shape, type):
        # True is an int to Python, and nobody's count.
        fits = shape is object or type(value) is shape
        return "" if fits else f"{place} is no {shape.__name__}"
    if isinstance(shape, tuple):
        found = [misfit(value, one, place) for one in shape]
        return "" if "" in found else found[0]
    if not isinstance(value, type(shape)):
        return f"{place} is no {'list' if isinstance(shape, list) else 'object'}"
    return next(filter(None, _misfits_in(value, shape, place)), "")


def _misfits_in(value: Any, shape: Any, place: str) -> Iterator[str]:
    if isinstance(shape, list):
        for at, item in enumerate(value):
            yield misfit(item, shape[0], f"{place}[{at}]")
        return
    for name, inner in shape.items():
        plain = name.removesuffix("?")
        if name == "*":
            for key, item in value.items():
                yield misfit(item, inner, f"{place}.{key[:40]}")
        elif plain in value:
            yield misfit(value[plain], inner, f"{place}.{plain}")
        elif plain == name:
            yield f"{place} has no {plain}"


def checked(host: str, answer: Any, shape: Any) -> None:
    if problem := misfit(answer, shape):
        raise not_understood(host, problem)


def last_object(host: str, lines: Iterable[str], shape: Any) -> dict[str, Any]:
    """The last JSON object among lines, of a shape or an error that was told; an empty one for none."""
    found = [line for line in lines if line.startswith("{")]
    if not found:
        return {}
    try:
        answer = object_in(found[-1])
    except UnreadableError as error:
        raise not_understood(host, str(error)) from None
    checked(host, answer, (shape, ERROR))
    return answer


def not_understood(host: str, problem: str) -> OperatorError:
    return OperatorError(
        f"{host}: what it answered can't be understood: {problem}",
        f"rollout apply brings the host program of this version; else look at {host} itself",
    )


class HostRefusedError(OperatorError):
    """The host's program ended a step with a verdict: its ``outcome`` is refused, put back, locked …"""

    def __init__(self, host: str, outcome: str, said: str, refusals: Sequence[str] = ()) -> None:
        self.host = host
        self.outcome = outcome
        self.refusals = list(refusals)
        super().__init__(f"{host}: {said}")


def ask(
    connections: Connections,
    host: Host,
    command: str | Sequence[str],
    shape: Any = ANYTHING,
    *,
    given: str = "",
    timeout: float = ANSWER_SECONDS,
) -> Answer:
    """What the host's program answers to a command (a text is for a shell): its last JSON object.

    Raises HostRefusedError: it ended with an error, in its own words; OperatorError: there is no answer.
    """
    words = command if isinstance(command, str) else [PROGRAM, *command]
    done = connections.run(host, words, stdin=given.encode(), sudo=True, timeout=timeout)
    return answer_in(host, done, shape)


def answer_in(host: Host, done: Done, shape: Any = ANYTHING) -> Answer:
    """The answer in what the program printed; errors as ``ask``."""
    answer = last_object(host.name, done.stdout.decode(errors="replace").splitlines(), shape)
    if done.returncode in WENT_WELL and answer:
        checked(host.name, answer, shape)
        return answer
    if "error" in answer:
        checked(host.name, answer, ERROR)
        outcome, refusals = answer.get("outcome") or "error", answer.get("refusals", [])
        raise HostRefusedError(host.name, outcome, answer["error"], refusals)
    said = done.stderr.decode(errors="replace").strip().splitlines() or [""]
    if PROGRAM in said[-1] and done.returncode == NOT_FOUND:
        raise OperatorError(f"{host.name}: no host program yet", "rollout apply installs it")
    raise OperatorError(f"{host.name}: {said[-1] or 'the host program said nothing'}")


def plan_of(
    environment: Environment, host: Host, overrides: Mapping[str, Any], commit: str
) -> dict[str, Any]:
    """The plan that the host's program gets from ``deploy.py`` too; the database's password is in it."""
    data = {**host.settings, **overrides, "environment": environment.name}
    return host_plan(data, host.name, commit)


def flags_plan(host: Host) -> dict[str, Any]:
    """The plan of ``baileys-hostswitch flags``: every flag of the catalogue and every declared one."""
    settings = host.settings
    flags: Mapping[str, Any] = settings["flags"]
    return {
        "env_live": f"{settings['app_dir']}/.env",
        "service_user": settings["service_user"],
        "pm2_home": f"{settings['service_home']}/.pm2",
        "service_app": settings["service_app"],
        "status_url": status_url(settings),
        "flags_at": (settings["service_description"]["signals"].get("http") or {}).get("flags"),
        "declared": {name: str(revealed(one)) for name, one in flags.items()},
        "names": list(dict.fromkeys([*catalogue().flags, *flags])),
        "secret_names": [name for name, one in flags.items() if isinstance(one, Secret)],
    }


def look_installed(connections: Connections, environment: Environment, host: Host) -> Answer:
    """What the host shows of its flags, by an installed program of this very version."""
    both = f"sha256sum {PROGRAM} && {PROGRAM} flags --plan -"
    done = connections.run(host, both, stdin=json.dumps(flags_plan(host)).encode(), sudo=True)
    digest = done.stdout.split()[0].decode() if done.stdout else ""
    problem = "the host program is not installed yet"
    if digest == hashlib.sha256(starter().encode()).hexdigest():
        seen = answer_in(host, done, FLAGS)
        if seen["revision"]:
            return seen
        problem = "the service was not rolled out yet"
    elif digest:
        problem = "the host program is of another version"
    remedy = f"rollout apply {environment.name} --host {host.name}"
    raise OperatorError(f"{host.name}: {problem}.", remedy)


def status_of(hosts: Sequence[Host], shown: Progress) -> dict[str, dict[str, Any]]:
    """By name, what each service host's program answers to ``status``, or ``{"error": sentence}``."""
    services = [host for host in hosts if SERVICE in host.groups]
    with Connections() as connections:

        def one(host: Host) -> tuple[str, Answer]:
            progress = shown.of(host.name)
            progress.step("asking")
            try:
                return host.name, host_status(connections, host)
            except OperatorError as error:
                return host.name, {"error": str(error)}
            finally:
                progress.ended()

        return dict(each(services, one, AT_ONCE))


def host_status(connections: Connections, host: Host) -> dict[str, Any]:
    settings = host.settings
    command = ["status", "--app-dir", str(settings["app_dir"])]
    command += ["--remove-after-days", str(settings["remove_after_days"])]
    names = names_of(settings)
    if companies := names.get("companies") or names.get("company"):
        command += ["--companies-in", companies]
    return ask(connections, host, command, STATUS)
