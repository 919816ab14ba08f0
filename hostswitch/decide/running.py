"""What the running version has and nobody declared, so that a switch would lose it unseen. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from hostswitch.base.errors import Refusal
from hostswitch.decide import gate
from hostswitch.decide.gate import Company, Expectation
from hostswitch.decide.seen import Seen, following
from hostswitch.description.claims import KEYS, Signalled
from hostswitch.plan import REQUIRED, Plan
from hostswitch.pm2.app import App
from sessionstore.errors import printable
from sessionstore.judgement.activity import FILES

# What a login, sudo, cron, systemd, npm or PM2 itself leaves in the environment that `pm2 start` copies
# whole. Nothing else is known to be nobody's: NODE_OPTIONS, TZ and the like are the service's, and so
# is what only begins like one of these: HISTORY_SYNC, SSH_TUNNEL_HOST, XDG_DATA_HOME.
_OF_NO_SERVICE = re.compile(
    "(BASH_FUNC_|DBUS_|FNM_|LC_|NODE_CHANNEL_|NVM_|PM2_|SUDO_|VSCODE_|npm_).*"
    "|HIST(CONTROL|FILE|FILESIZE|IGNORE|SIZE|TIMEFORMAT)|LESS(CLOSE|HISTFILE|OPEN)?"
    "|SSH_(AGENT_PID|ASKPASS|AUTH_SOCK|CLIENT|CONNECTION|ORIGINAL_COMMAND|TTY)|TERM_(PROGRAM|PROGRAM_VERSION|SESSION_ID)"
    "|TMUX(_PANE|_TMPDIR)?|XDG_(CONFIG_DIRS|CURRENT_DESKTOP|DATA_DIRS|RUNTIME_DIR|SEAT|SESSION_[A-Z]+|VTNR)"
    "|_|CLICOLOR|COLOR|COLORTERM|DEBIAN_FRONTEND|DISPLAY|EDITOR|GPG_TTY|HOME|HOSTNAME|INIT_CWD|INVOCATION_ID"
    "|JOURNAL_STREAM|LANG|LANGUAGE|LOGNAME|LS_COLORS|MAIL|MANAGERPID|MOTD_SHOWN|NODE|NODE_APP_INSTANCE"
    "|OLDPWD|PAGER|PATH|PROMPT_COMMAND|PS1|PWD|SHELL|SHLVL|STY|SYSTEMD_EXEC_PID|TERM|USER|USERNAME|VISUAL"
    "|WINDOW|km_link|unique_id|vizion_running"
)
# Node.js and its libraries read these before the first line of the service, and so before any .env.
_BEFORE_ENV = re.compile("(LD_|MALLOC_|NODE_|OPENSSL_|SSL_CERT_|UV_).*|GLIBC_TUNABLES|TZ")
_KEPT_BY = {"cwd": "app_dir", "script": "service_entry", "kill_timeout": "kill_timeout_ms"}
"""What a switch takes from a service only where a setting says so."""


def refusals(plan: Plan, seen: Seen, cut_over: Mapping[str, str]) -> list[Refusal]:
    """What forbids to take the running version down, with these companies (-> directory) to be imported."""
    return [
        *_repeated_refusals(plan, seen),
        *_stopped_refusals(plan, seen),
        *_lost_refusals(plan, seen),
        *(_status_refusals(plan, seen, cut_over) if cut_over else []),
    ]


def _repeated_refusals(plan: Plan, seen: Seen) -> list[Refusal]:
    names = [one.name for one in seen.listed]
    return [
        Refusal(
            "pm2",
            f"PM2 runs {name} {names.count(name)} times: two sockets on one account fight",
            plan.pm2_home,
            f"As {plan.service_user}, keep one: pm2 ls; pm2 delete ID; pm2 save",
        )
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]


def _stopped_refusals(plan: Plan, seen: Seen) -> list[Refusal]:
    """What somebody stopped has a reason to be stopped, and a switch starts all that is declared."""
    return [
        Refusal(
            "pm2",
            f"{one.name} is stopped, and a switch would start it",
            plan.pm2_home,
            "Take it off sibling_apps; or, if it is to be started, as"
            f" {plan.service_user}: pm2 delete {shlex.quote(one.name)} && pm2 save --force",
        )
        for one in seen.listed
        if not one.running and not one.rests and one.name != plan.service_app
    ]


def _lost_refusals(plan: Plan, seen: Seen) -> Iterator[Refusal]:
    """Started without what it has today, a service may be another company, or not itself."""
    dropped = set(plan.pm2_dropped)
    different = _different(seen.listed)
    exported = sorted((_exported_otherwise(plan, seen) | different) - dropped)
    settings = sorted({name for one in seen.listed for name in one.lost} - dropped)
    if not exported and not settings:
        return
    kinds = {"environment": exported, "settings": settings}
    parts = [f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names]
    remedy = (
        f"In group_vars/{plan.environment}/settings.yml: what it does not need,"
        f" pm2_dropped: {json.dumps(exported + settings)}"
    )
    if kept := [name for name in exported if name not in different]:
        line = json.dumps(dict.fromkeys(kept, "VALUE"))
        remedy += f"; what it needs, pm2_environment: {line} (as {plan.service_user}: pm2 env ID)"
    if apart := sorted(different - dropped):
        remedy += (
            f"; {', '.join(apart)}: each app has a value of its own, and no two can be kept. Where they"
            " need them, take all but one of these apps off sibling_apps, or do not roll it out"
        )
    if kept_by := [f"{name} by {_KEPT_BY[name]}" for name in settings if name in _KEPT_BY]:
        remedy += f"; what it needs is kept {', '.join(kept_by)}"
    if set(settings) - _KEPT_BY.keys():
        remedy += "; other settings that it needs can't be kept: do not roll it out"
    what = f"PM2 gives the service what a switch would take from it: {'; '.join(parts)}"
    yield Refusal("pm2", what, plan.pm2_home, remedy)


def _exported_otherwise(plan: Plan, seen: Seen) -> set[str]:
    """Names that PM2 exports and the new version would not see with that value, undeclared."""
    will = {**following(plan, seen), **plan.pm2_environment}
    declared = {*plan.flags, *plan.pm2_environment}
    return {
        name
        for one in seen.listed
        for name, value in _of_the_service(one)
        # A declared value that PM2 shadows is what a switch cures.
        if name not in declared and (will.get(name) != value or _BEFORE_ENV.fullmatch(name))
    }


def only_in_file(plan: Plan, seen: Seen) -> list[str]:
    """What a version that uses it before it reads its .env would miss after a switch, in a sentence."""
    will = following(plan, seen)
    names = {n for one in seen.listed for n, value in _of_the_service(one) if will.get(n) == value}
    left = sorted(names - {*plan.pm2_environment, *plan.pm2_dropped})
    what = "PM2 exports it today, then only the .env gives it: that the service reads that first"
    return [printable(f"{', '.join(left)}: {what} (else: pm2_environment)")] if left else []


def _different(listed: Collection[App]) -> set[str]:
    """Names that PM2 exports to its apps with different values: one .env can't carry that on."""
    exported = Counter(
        name for name, _ in {pair for one in listed for pair in _of_the_service(one)}
    )
    return {name for name, values in exported.items() if values > 1}


def _of_the_service(one: App) -> Iterator[tuple[str, str]]:
    for name, value in one.exported.items():
        if name not in (one.name, *one.given) and not _OF_NO_SERVICE.fullmatch(name):
            yield name, value


def _status_refusals(plan: Plan, seen: Seen, cut_over: Mapping[str, str]) -> Iterator[Refusal]:
    """After *active* there is no way back from a service that never answers in the gate's form."""
    if plan.gate.before != REQUIRED or plan.gate.status_url is None:
        yield from _unwritten_refusals(seen, cut_over)
        return
    missing = ["it does not run"] if not seen.running else _missing(plan, seen, cut_over)
    if missing:
        what = f"it was not seen that the service answers in the gate's form: {'; '.join(missing)}"
        remedy = (
            "Let it run and set service_port to where it answers (curl it). If only the new version has"
            f" this endpoint, in group_vars/{plan.environment}/settings.yml: gate_before: not checked"
        )
        yield Refusal("status", what, plan.gate.status_url, remedy)
    else:
        yield from _unwritten_refusals(seen, _counted_otherwise(plan, seen, cut_over))


def _unwritten_refusals(seen: Seen, cut_over: Mapping[str, str]) -> Iterator[Refusal]:
    """A service that does not say where its keys are shows it: each connection writes credentials."""
    written = {c: at for one in seen.legacy for c, at in one.written.items()}
    for company_id, path in cut_over.items():
        at = written.get(company_id)
        if seen.began is not None and at is not None and at < seen.began:
            what = (
                f"the service has written no file of company {company_id} since it was started: its"
                " keys may be elsewhere, and these files old"
            )
            remedy = (
                f"See when: ls -lt {shlex.quote(path)}. Where it does keep its keys there, it writes"
                " as soon as it connects: let it connect, then run again"
            )
            yield Refusal("session-files", what, path, remedy)


def _counted_otherwise(plan: Plan, seen: Seen, cut_over: Mapping[str, str]) -> dict[str, str]:
    """Companies of which the service tells another number of keys than lie in the declared directory."""
    shown = gate.shown(plan.description.signals, Signalled(seen.status), cut_over)
    keys = _keys(seen)
    return {c: path for c, path in cut_over.items() if shown.get(c, {}).get(KEYS) != keys[c]}


def _keys(seen: Seen) -> dict[str, int]:
    return {c: n for one in seen.legacy for c, n in one.companies.items()}


def _missing(plan: Plan, seen: Seen, cut_over: Mapping[str, str]) -> list[str]:
    if seen.status is None:
        return ["no answer in JSON"]
    keys = _keys(seen)
    expected = {c: Company(FILES, True, min(1, keys[c])) for c in cut_over}
    connected = plan.gate.connected == REQUIRED
    # Its log is of another start, and only the new version reads rows.
    asked = replace(plan.description.signals, log=None, database=False)
    return gate.problems(asked, Signalled(seen.status), Expectation(expected, connected))
