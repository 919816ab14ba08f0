"""What a switch does and what it refuses, from what was seen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hostswitch.decide.changes import decide
from hostswitch.decide.running import only_in_file
from hostswitch.decide.seen import InDatabase, LegacySeen, runs_on
from hostswitch.pm2.app import App
from sessionstore.judgement.activity import UNKNOWN

from .seen import (
    AFTER,
    APP,
    BACKUP,
    BEFORE,
    LIVE,
    NEXT,
    OLD,
    ON_FILES,
    PLAN,
)


def kinds(**changes: Any) -> set[str]:
    """Kinds of the refusals before the cut-over, with some things seen otherwise."""
    return {refusal.kind for refusal in decide(PLAN, replace(BEFORE, **changes)).refusals}


def test_a_cut_over_imports_and_sets_everything_aside() -> None:
    decision = decide(PLAN, BEFORE)
    assert not decision.refusals
    assert decision.cut_over == {"962302": "baileys_sessions"}
    assert decision.aside == (LIVE, BACKUP)
    assert decision.to_account == ()
    found = [change.kind for change in decision.changes]
    assert found == ["release", "flag", "cut-over", "set-aside", "set-aside"]


def test_after_it_there_is_nothing_to_do() -> None:
    """A second rollout must restart nothing."""
    decision = decide(PLAN, AFTER)
    assert not decision.changes
    assert not decision.refusals


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"current": f"{APP}/releases/{OLD}"}, "release"),
        ({"running": False, "directory": None}, "start"),
        ({"directory": APP}, "start"),
        ({"environment": {"LOG_LEVEL": "debug"}}, "shadow"),
        ({"env_live": {**NEXT, "LOG_LEVEL": "warn"}}, "flag"),
        ({"env_live": {**NEXT, "SECRET": "old"}}, "setting"),
        ({"env_same": False}, "env"),
        ({"legacy": (LegacySeen(LIVE, True), LegacySeen(BACKUP, False))}, "set-aside"),
    ],
)
def test_each_difference_alone_is_a_change(changes: dict[str, Any], kind: str) -> None:
    """What is overlooked here is never rolled out."""
    decision = decide(PLAN, replace(AFTER, **changes))
    assert [change.kind for change in decision.changes] == [kind]
    assert not decision.refusals
    assert "old" not in str(decision.changes[0]).replace("old/", "")


def test_a_directory_of_a_company_that_the_database_has_is_evidence_only() -> None:
    """Importing it again would set ratchets back."""
    seen = replace(AFTER, legacy=(LegacySeen(LIVE, True, {"962302": 3}),))
    decision = decide(PLAN, seen)
    assert not decision.cut_over
    assert decision.to_account == (LIVE,)
    assert decision.aside == (LIVE,)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"env_next": {**NEXT, "USE_REPOSITORY_PATTERN": "false"}}, "providers"),
        ({"env_next": {**NEXT, "USE_LEGACY_SUPABASE": "true"}}, "providers"),
        ({"env_next": {**NEXT, "POSTGRES_HOST": "elsewhere"}}, "env"),
        ({"env_next": {**NEXT, "POSTGRES_PASSWORD": "wrong"}}, "env"),
        ({"env_next": {**NEXT, "LOG_LEVEL": "debug"}}, "env"),
        ({"env_live": {"USE_LEGACY_SUPABASE": "true"}}, "providers"),
        ({"environment": {"USE_REPOSITORY_PATTERN": "true"}}, "providers"),
        ({"legacy": (LegacySeen(LIVE, True, {"962302": 1, "111": 2}),)}, "company"),
        ({"legacy": (LegacySeen(LIVE, False),)}, "company"),
        ({"database": {"962302": InDatabase(False, 5)}}, "database"),
        ({"database": {"962302": InDatabase(False, 0, staged_import="i")}}, "database"),
        ({"database": {"962302": InDatabase(False, 0, active_import="i")}}, "database"),
    ],
)
def test_what_could_lose_keys_is_refused(changes: dict[str, Any], kind: str) -> None:
    """Each of these once started, the service would run on other keys than its own."""
    assert kind in kinds(**changes)


UNSET = {name: value for name, value in ON_FILES.items() if name != "USE_LEGACY_SUPABASE"}


@pytest.mark.parametrize("written", [None, "", "False", " false", "0", "TRUE"])
@pytest.mark.parametrize("exported", [False, True])
def test_a_provider_flag_that_versions_read_differently_is_refused_until_declared(
    written: str | None, exported: bool
) -> None:
    """A host on Supabase whose flag is unset had the files of an older life imported over it."""
    given = {} if written is None else {"USE_LEGACY_SUPABASE": written}
    over: dict[str, Any] = {"environment": given} if exported else {"env_live": {**UNSET, **given}}
    seen = replace(BEFORE, **{"env_live": UNSET, **over})
    refusal, *_ = decide(PLAN, seen).refusals
    for part in ("USE_LEGACY_SUPABASE", "group_vars/lab/settings.yml", "flags_as_read: {"):
        assert part in str(refusal)
    on_files = replace(PLAN, flags_as_read={"USE_LEGACY_SUPABASE": "false"})
    assert not decide(on_files, seen).refusals
    on_supabase = replace(PLAN, flags_as_read={"USE_LEGACY_SUPABASE": "true"})
    (refusal,) = decide(on_supabase, seen).refusals
    assert "does not run on files" in refusal.what


@pytest.mark.parametrize("elsewhere", ["POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DATABASE"])
def test_a_version_on_another_database_is_not_moved_while_it_runs(elsewhere: str) -> None:
    """It was started on the copy of its rows there: older ratchets, and messages lost for good."""
    seen = replace(AFTER, env_live={**NEXT, elsewhere: "7"})
    (refusal,) = decide(PLAN, seen).refusals
    assert refusal.kind == "database" and "in another database than whatsapp on db" in refusal.what
    assert decide(PLAN, replace(AFTER, environment={elsewhere: "7"})).refusals == (refusal,)
    assert not decide(PLAN, replace(seen, same_database=True)).refusals
    assert not decide(PLAN, replace(seen, running=False)).refusals
    older = {**ON_FILES, "USE_DATABASE_AUTH_STATE": "true", elsewhere: "7"}
    assert refusal in decide(PLAN, replace(AFTER, env_live=older)).refusals
    assert not decide(PLAN, replace(BEFORE, env_live={**ON_FILES, elsewhere: "7"})).refusals


def test_what_is_declared_of_a_flag_never_overrules_what_the_process_sees() -> None:
    plan = replace(PLAN, flags_as_read={"USE_LEGACY_SUPABASE": "false"})
    seen = replace(BEFORE, environment={"USE_LEGACY_SUPABASE": "true"})
    assert [one.kind for one in decide(plan, seen).refusals] == ["providers"]


def test_the_older_switch_also_says_that_keys_are_not_in_files() -> None:
    assert kinds(environment={"USE_DATABASE_AUTH_STATE": "true"}) == {"providers"}
    assert kinds(environment={"USE_DATABASE_AUTH_STATE": "True"}) == {"providers"}
    assert not kinds(environment={"USE_DATABASE_AUTH_STATE": "false"})


def test_old_rows_do_not_take_the_place_of_files_that_nobody_declared() -> None:
    """Each alone: the service runs on files that were not found, or on nothing that is anywhere."""
    away, rows = (LegacySeen(LIVE, False),), {"962302": InDatabase(True, 5)}
    (refusal,) = decide(PLAN, replace(BEFORE, legacy=away, database=rows)).refusals
    assert "no declared live directory holds company 962302" in refusal.what
    (refusal,) = decide(PLAN, replace(AFTER, database={"962302": InDatabase(False, 0)})).refusals
    assert "a start would make a new identity" in refusal.what


LOGIN = {"HOME": "/root", "SSH_CLIENT": "192.0.2.1 1 22", "PM2_HOME": "/x", "npm_lifecycle": "x"}


def started(name: str, exported: dict[str, str], lost: tuple[str, ...] = ()) -> App:
    return App(name, 7, "online", 0, exported=exported, lost=lost)


def listed(*lost: str, **exported: str) -> App:
    """The app as PM2 lists it, started from a login."""
    return started("app", {**LOGIN, "app": "{}", **exported}, lost)


@pytest.mark.parametrize(
    ("apps", "declared", "named"),
    [
        ((listed(),), {}, []),
        ((listed(COMPANY_ID="7"),), {}, ["COMPANY_ID"]),
        ((listed("args", "cron_restart", TZ="UTC"),), {}, ["TZ", "args", "cron_restart"]),
        ((listed(COMPANY_ID="7"),), {"pm2_environment": {"COMPANY_ID": "7"}}, []),
        ((listed("args", A="7"),), {"pm2_dropped": ("A", "args")}, []),
        ((listed("args", A="7"),), {"pm2_dropped": ("A",)}, ["args"]),
        ((listed(LOG_LEVEL="debug"),), {}, []),
        ((listed(POSTGRES_HOST="db"),), {}, []),
        ((listed(NODE_EXTRA_CA_CERTS="/ca"),), {}, ["NODE_EXTRA_CA_CERTS"]),
        ((listed(POSTGRES_HOST="elsewhere"),), {}, ["POSTGRES_HOST"]),
        (
            (listed(LOG_LEVEL="debug"), started("b", {"LOG_LEVEL": "info"})),
            {},
            ["LOG_LEVEL"],
        ),
        ((listed(A="hunter2\n\x1b"),), {}, ["A"]),
        ((listed(HISTORY_SYNC="1", SSH_HOST="x"),), {}, ["HISTORY_SYNC", "SSH_HOST"]),
        ((listed(TERM_DAYS="3", XDG_DATA_HOME="/d"),), {}, ["TERM_DAYS", "XDG_DATA_HOME"]),
    ],
)
def test_what_pm2_gives_and_a_switch_would_take_is_refused_until_declared(
    apps: tuple[App, ...], declared: dict[str, Any], named: list[str]
) -> None:
    """Without its COMPANY_ID a service was started as another company, and made an identity."""
    found = decide(replace(PLAN, **declared), replace(BEFORE, listed=apps)).refusals
    assert [one.kind for one in found] == (["pm2"] if named else [])
    if named:
        assert f"pm2_dropped: {json.dumps(named)}" in found[0].remedy
        assert "hunter2" not in repr(found)


def test_what_two_apps_are_given_differently_is_not_offered_as_kept() -> None:
    """The line was offered, and with it the refusal came again."""
    apps = (listed(LOG_LEVEL="debug", A="7"), started("b", {"LOG_LEVEL": "info"}))
    (refusal,) = decide(PLAN, replace(BEFORE, listed=apps)).refusals
    assert 'pm2_environment: {"A": "VALUE"} (' in refusal.remedy
    assert "LOG_LEVEL: each app has a value of its own" in refusal.remedy
    (refusal,) = decide(replace(PLAN, pm2_dropped=("A",)), replace(BEFORE, listed=apps)).refusals
    assert "pm2_environment" not in refusal.remedy


def test_what_pm2_exports_as_the_env_says_is_told_as_left_to_the_file() -> None:
    """A module that is imported before dotenv runs saw it, and is another company without it."""
    seen = replace(BEFORE, listed=(listed(LOG_LEVEL="info", POSTGRES_HOST="db", A="7"),))
    (told,) = only_in_file(PLAN, seen)
    assert told.startswith("LOG_LEVEL, POSTGRES_HOST: PM2 exports it today")
    kept = replace(PLAN, pm2_environment={"LOG_LEVEL": "info"}, pm2_dropped=("POSTGRES_HOST",))
    assert not only_in_file(kept, seen)


def test_nothing_is_taken_where_nothing_changes() -> None:
    """A service that was restarted by hand from a login runs on, and a plan is no alarm."""
    assert not decide(PLAN, replace(AFTER, listed=(listed("args", TZ="UTC"),))).refusals


def test_a_sibling_that_is_stopped_is_not_started_by_a_switch() -> None:
    stopped = replace(started("a bot", {}), status="stopped")
    (refusal,) = decide(PLAN, replace(BEFORE, listed=(listed(), stopped))).refusals
    assert "a bot is stopped" in refusal.what and "pm2 delete 'a bot'" in refusal.remedy
    assert not decide(PLAN, replace(BEFORE, listed=(replace(listed(), status="stopped"),))).refusals


def test_an_app_that_pm2_runs_twice_is_refused() -> None:
    assert kinds(listed=(listed(), listed())) == {"pm2"}


def answer(**company: Any) -> dict[str, Any]:
    """What a service on files answers, but for some of it."""
    usual = {"provider": "files", "credentials": True, "keys": 1313, "connection": "open"}
    return {"companies": {"962302": {**usual, **company}}}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"status": None}, "no answer in JSON"),
        ({"status": {"status": "connected", "connected": True}}, "962302: it is not what runs"),
        ({"status": answer(provider=None)}, "provider is None"),
        ({"status": answer(provider="supabase")}, "provider is 'supabase'"),
        ({"status": answer(credentials=None)}, "credentials are not loaded"),
        ({"status": answer(keys=None)}, "keys is None"),
        ({"status": answer(keys=True)}, "keys is True"),
        ({"status": answer(connection=None)}, "not connected to WhatsApp"),
        ({"running": False, "status": None}, "it does not run"),
    ],
)
def test_a_cut_over_waits_until_the_service_was_seen_to_answer_in_the_gates_form(
    changes: dict[str, Any], named: str
) -> None:
    """After *active* it would be left stopped: a service that never answers is never healthy."""
    plan = replace(PLAN, gate=replace(PLAN.gate, connected="required"))
    assert not decide(plan, replace(BEFORE, status=answer())).refusals
    seen = replace(BEFORE, **changes)
    (refusal,) = decide(plan, seen).refusals
    assert (refusal.kind, named in refusal.what) == ("status", True)
    assert "gate_before: not checked" in refusal.remedy
    assert not decide(replace(plan, gate=replace(plan.gate, before="not checked")), seen).refusals


@pytest.mark.parametrize("before", ["required", "not checked"])
@pytest.mark.parametrize(
    ("keys", "written", "refused"), [(1313, 1.0, {"not checked"}), (9, 1.0, None), (9, 3.0, set())]
)
def test_files_count_as_the_running_services_if_it_wrote_them_or_tells_their_number(
    before: str, keys: int, written: float, refused: set[str] | None
) -> None:
    """A service may answer well from another directory than the declared one."""
    plan = replace(PLAN, gate=replace(PLAN.gate, before=before))
    legacy = (LegacySeen(LIVE, True, {"962302": 1313}, {"962302": written}),)
    seen = replace(BEFORE, began=2.0, legacy=legacy, status=answer(keys=keys))
    found = [one.kind for one in decide(plan, seen).refusals]
    assert found == (["session-files"] if refused is None or before in refused else [])


def test_without_a_cut_over_a_silent_version_is_replaced() -> None:
    """It may be the very fault that the next version mends; the way back stays open."""
    seen = replace(AFTER, current=f"{APP}/releases/{OLD}", status=None)
    assert not decide(PLAN, seen).refusals


def test_provider_flags_change_data_so_only_a_cut_over_switches_them() -> None:
    plan = replace(PLAN, flags={"USE_LEGACY_SUPABASE": "true", "USE_REPOSITORY_PATTERN": "false"})
    seen = replace(AFTER, env_next={**NEXT, **plan.flags})
    refusals = decide(plan, seen).refusals
    assert [refusal.kind for refusal in refusals] == ["providers"]
    assert "only a cut-over from files switches that" in refusals[0].remedy


def test_no_refusal_shows_a_password() -> None:
    seen = replace(BEFORE, env_next={**NEXT, "POSTGRES_PASSWORD": "hunter2"})
    decision = decide(PLAN, seen)
    assert decision.refusals
    assert "hunter2" not in repr(decision)


def test_before_staging_the_next_env_is_foreseen_from_the_declared_flags() -> None:
    """Preflight on a host where nothing is staged yet must not refuse what staging brings."""
    decision = decide(PLAN, replace(BEFORE, env_next=None, database=None))
    assert not decision.refusals
    assert any("USE_REPOSITORY_PATTERN" in change.what for change in decision.changes)
    assert any("if the database does not have it" in change.what for change in decision.changes)


def test_an_environment_that_can_not_be_read_is_not_one_that_exports_nothing() -> None:
    """PM2 had exported "files", its process was just being started: old files were restored beside it."""
    for seen in (BEFORE, AFTER):
        assert runs_on(PLAN, seen).keeps != UNKNOWN
        unread = replace(seen, environment=None, env_next={**NEXT, "LOG_LEVEL": "debug"})
        assert runs_on(PLAN, unread).keeps == UNKNOWN
        assert any("environment" in one.what for one in decide(PLAN, unread).refusals)
