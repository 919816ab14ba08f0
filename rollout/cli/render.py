"""Results as people read them: plain words, tables of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console

from rollout.apply.plan import HostPlan
from rollout.apply.report import Report
from rollout.console import table
from rollout.environment.environment import Environment
from rollout.verify.checks import FAILED, FOUND, NOT_CHECKED, PASSED, Check, VerificationResult


def render_plan(console: Console, environment: Environment, plans: Sequence[HostPlan]) -> None:
    for plan in plans:
        console.print(plan.host, style="bold")
        for line in plan_lines(plan):
            console.print(f"  {line}")
    if all(plan.nothing_to_do for plan in plans):
        console.print(f"{environment.name}: nothing to do.")
    elif not any(plan.in_the_way for plan in plans):
        console.print(f"\nNothing was changed. To do it: rollout apply {environment.name}")


def plan_lines(plan: HostPlan) -> list[str]:
    if plan.failure:
        return [f"! {plan.failure}"]
    lines = [f"~ {change}" for change in plan.changes]
    lines += [f"! refused: {refusal}" for refusal in plan.refusals]
    lines += [f"? not checked yet: {text}" for text in plan.not_checked]
    lines += [f"  {text}" for text in plan.notes]
    lines = lines or ["nothing to do"]
    return lines + [f"! FOUND: {text}" for text in plan.found]


def render_report(console: Console, environment: Environment, report: Report) -> None:
    how = f"{'done' if report['succeeded'] else 'FAILED'} in {report['seconds']:.1f} s"
    console.print(f"Rollout {report['rollout_id']} of {environment.name}: {how}", style="bold")
    for host in report["hosts"]:
        render_host(console, host)
    for line in stopping_lines(environment.name, report):
        console.print(line)


def stopping_lines(environment: str, report: Report) -> list[str]:
    """Where a rollout of several hosts stopped: who failed, who is done, who is untouched."""
    failed = [host["host"] for host in report["hosts"] if host["failure"]]
    if not failed or len(report["hosts"]) + len(report["untouched"]) == 1:
        return []
    done = [host["host"] for host in report["hosts"] if not host["failure"]]
    return [
        f"\nFailed: {', '.join(failed)}",
        f"Done: {', '.join(done) or 'none'}",
        f"Untouched: {', '.join(report['untouched']) or 'none'}",
        f"Mend that, then rollout apply {environment}; what is done stays as it is.",
    ]


def render_host(console: Console, host: Report) -> None:
    if host["failure"]:
        console.print(f"\n{host['host']}: FAILED", style="bold red")
        console.print(host["failure"])
        if switch_rows(host["switch"]):
            console.print("The switch itself was done:")
            console.print(table(switch_rows(host["switch"])))
        return
    if host["changed"]:
        console.print(f"\n{host['host']}", style="bold")
        console.print(table(report_rows(host)))
    else:
        how = f"{check_text(host['checks'])}, {host['seconds']:.1f} s"
        console.print(f"\n{host['host']}: no changes ({how})", style="bold")
        for sentence in host["kept"]:
            console.print(f"  still set aside: {sentence}")
    for sentence in host["found"]:
        console.print(f"  FOUND: {sentence}")
    for reason in host["not_checked"] if host["changed"] else ():
        console.print(f"  not checked: {reason}")


def report_rows(host: Report) -> list[tuple[str, str]]:
    rows = [("steps that changed something", str(len(host["changed"])))]
    rows += switch_rows(host["switch"])
    for entry in host["archives"]:
        what = f"{number(entry['files'])} files, {size(entry['bytes'])}"
        rows.append(("archived", f"{entry['name']}: {what}"))
    for entry in host["removed"]:
        what = f"{entry['name']} ({entry['kind']})"
        rows.append(("removed", f"{what}: {number(entry['files'])} files"))
    for entry in host["pruned"]:
        rows.append(("old release removed", f"{short(entry['name'])}: {size(entry['freed'])}"))
    if host["removed"]:
        freed = sum(entry["freed"] or 0 for entry in host["removed"])
        rows.append(("bytes freed on the disk", size(freed)))
    rows += [("still set aside", sentence) for sentence in host["kept"]]
    rows.append(("checks", check_text(host["checks"])))
    return [*rows, ("wall time", f"{host['seconds']:.1f} s")]


def switch_rows(switch: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "companies" not in switch:
        return []
    revision = switch.get("revision") or {}
    rows = [("revision", f"{short(revision.get('from'))} → {short(revision.get('to'))}")]
    rows += [
        ("setting", f"{flag['name']} {flag['from'] or 'unset'} → {flag['to']}")
        for flag in switch.get("flags", [])
    ]
    rows += [
        (
            f"company {company}: {what}",
            f"{number(counts.get(f'{what}_before'))} → {number(counts.get(f'{what}_after'))}",
        )
        for company, counts in switch["companies"].items()
        for what in ("keys", "credentials")
    ]
    rows += [
        (f"company {company}", "no session anywhere: it waits for its first pairing")
        for company in switch.get("awaiting_pairing", [])
    ]
    if (equal := switch.get("dispositions", {}).get("equal")) is not None:
        rows.append(("files proven equal, one by one", number(equal)))
    shown = seconds_text(switch.get("seconds_without_service"))
    if (at_least := switch.get("at_least_seconds_without_service")) is not None:
        shown = f"at least {at_least:.2f} s (the switch was cut off after the start)"
    rows.append(("without service", shown))
    if (ahead := switch.get("clock_ahead_seconds")) is not None:
        # Without the 0.0, a clock that is a little behind would be shown as -0.0.
        rows.append(("clock ahead of the database's", f"{round(ahead, 1) + 0.0:.1f} s"))
    if lines := switch.get("lost_key_lines"):
        after, before = (
            f"{rate['lines']} in {rate['minutes'] or '?'} min"
            for rate in (lines["after"], lines["before"])
        )
        rows.append(("log lines of lost keys", f"{after} (before: {before})"))
    return rows


def render_verification(
    console: Console, environment: Environment, result: VerificationResult
) -> None:
    for check in told_once(result.with_outcome(FAILED)):
        console.print(f"FAILED {check.host}: {check.check}", style="bold red")
        end = f"End of the log on {check.host}:\n{check.log}" if check.log else ""
        for text in filter(None, (check.says, check.reason, end)):
            console.print(text)
    for check in result.with_outcome(FOUND):
        console.print(f"FOUND {check.host}: {check.reason}", style="bold")
    for check in result.with_outcome(NOT_CHECKED):
        console.print(f"not checked: {check.host}: {check.check}: {check.reason}")
    counts = check_text(result.counts)
    console.print(f"{environment.name}: {counts}, {result.seconds:.1f} s", style="bold")
    if result.command_ms is not None:
        cost = f"{number(result.commands)} remote commands, {result.command_ms:.1f} ms each"
        console.print(f"{cost} beside their own work")


def told_once(failed: Sequence[Check]) -> list[Check]:
    """Failed checks; of those that one reason keeps from looking at a host at all, one stands for all."""
    alike: dict[tuple[str, str], list[Check]] = {}
    for check in failed:
        alike.setdefault((check.host, check.reason), []).append(check)
    return [
        checks[0]
        if len(checks) == 1
        else replace(checks[0], check=f"{len(checks)} checks, with one reason", says="")
        for checks in alike.values()
    ]


def render_status(
    console: Console, environment: Environment, answers: Mapping[str, Mapping[str, Any]]
) -> None:
    for host, answer in answers.items():
        console.print(host, style="bold")
        console.print(table(status_rows(answer)))
    if not answers:
        console.print(f"{environment.name}: no service host among these")


def status_rows(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "error" in answer:
        return [("error", str(answer["error"]))]
    rows = [("release", short(answer.get("revision")))]
    if interrupted := answer.get("open"):
        rows.append(("interrupted switch", f"{interrupted['rollout_id']}: {interrupted['next']}"))
    rows += [
        (f"set aside {entry['name']}", f"since {entry['since']}; {entry['removal']}")
        for entry in answer["set_aside"]
    ]
    daily = answer.get("daily_check")
    found = [f"{daily.get('outcome')} at {daily.get('at')}"] if daily else ["has not run yet"]
    rows.append(("daily check", "\n".join([*found, *(daily or {}).get("problems", [])])))
    rows += [
        (str(line.get("at")), f"{line.get('event')}: {line.get('outcome', '')}".rstrip(": "))
        for line in answer.get("history", [])
    ]
    return rows


def check_text(checks: Mapping[str, int]) -> str:
    text = f"{checks[PASSED]} checks passed"
    if checks[FAILED]:
        text += f", {checks[FAILED]} failed"
    if checks.get(FOUND):
        text += f", {checks[FOUND]} found something"
    return text + (f", {checks[NOT_CHECKED]} not checked" if checks[NOT_CHECKED] else "")


def size(count: int) -> str:
    if count < 1000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{count / 1000:.1f} kB"
    return f"{count / 1_000_000:.1f} MB"


def seconds_text(seconds: float | None) -> str:
    return "not measured" if seconds is None else f"{seconds:.2f} s"


def number(count: Any) -> str:
    """A count with thousands separated; what is unknown is said so."""
    return f"{count:,}" if isinstance(count, int) else "none"


def short(revision: Any) -> str:
    return str(revision)[:12] if revision else "none"
