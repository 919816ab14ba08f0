"""What one host would change, in sentences: its dry run of ``deploy.py``, read for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roles.hostprogram.steps import PRUNE, REMOVE, STEPS, SWITCH
from rollout.deploys.runs import HostRun

REFUSED = 3
ANSWERED = (0, 2, REFUSED)
"""The exit codes with which the host program answers: nothing to do, changes, refused."""

Answers = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class HostPlan:
    host: str
    changes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()  # what the switch would refuse, each with its remedy
    not_checked: tuple[str, ...] = ()  # what can't be known before earlier steps have run
    notes: tuple[str, ...] = ()  # what is known to happen later by itself ("removal due DATE")
    failure: str = ""  # why the host could not be asked; empty if it could
    found: tuple[str, ...] = ()  # what is wrong there and no rollout mends, with what does

    @property
    def in_the_way(self) -> bool:
        return bool(self.failure or self.refusals)

    @property
    def nothing_to_do(self) -> bool:
        """The host is as declared, and said so."""
        return not self.in_the_way and not self.changes


def host_plan(run: HostRun) -> HostPlan:
    if not run.succeeded:
        return HostPlan(run.host, failure=run.failure)
    preflight = answer_to(SWITCH.title, run.answers)
    unknown = {step: reason for step in run.planned if (reason := unanswered(step, run.answers))}
    known = [step for step in run.planned if step not in unknown]
    unknowns = tuple(f"{step}: {reason}" for step, reason in unknown.items())
    if unknown and not known:
        # Everything else is as declared, so nothing that is still to come would explain it.
        return HostPlan(run.host, failure="; ".join(unknowns))
    return HostPlan(
        run.host,
        changes=tuple(text for step in run.planned for text in sentences(step, run.answers)),
        refusals=tuple(text for step in known for text in refusals_of(step, run.answers)),
        not_checked=(*unknowns, *preflight.get("not_checked", [])),
        notes=(
            *preflight.get("beside", []),
            *(
                sentence
                for step in (REMOVE, PRUNE)
                for sentence in answer_to(step.title, run.answers).get("due", [])
            ),
        ),
        found=tuple(preflight.get("found", [])),
    )


def answer_to(title: str, answers: Answers) -> dict[str, Any]:
    """What the host program said of a step; nothing to do where it is none of its own."""
    return answers.get(STEPS[title].question if title in STEPS else "", {"exit": 0})


def unanswered(step: str, answers: Answers) -> str:
    """Why the host program could not say what a step would change; empty if it could."""
    answer = answer_to(step, answers)
    if answer.get("exit") in ANSWERED:
        return ""
    return str(answer.get("error") or answer.get("reason") or "no answer")


def sentences(step: str, answers: Answers) -> list[str]:
    """What a planned step changes, in words: the host program's own where it gave some."""
    answer = answer_to(step, answers)
    details = [f"{step}: {describe(change)}" for change in answer.get("changes", [])]
    # What is refused, or could not be asked, changes nothing that is not named.
    silent = answer.get("exit") == REFUSED or unanswered(step, answers)
    return details if silent else details or [step]


def refusals_of(step: str, answers: Answers) -> list[str]:
    """Why the host program would refuse a step, as it stands."""
    answer = answer_to(step, answers)
    told = answer.get("exit") == REFUSED and answer.get("error")
    return list(answer.get("refusals") or ([f"{step}: {told}"] if told else []))


def describe(change: Any) -> str:
    """One change in words: a sentence as it is, a setting as ``NAME old → new``."""
    if isinstance(change, dict) and "sentence" in change:
        return str(change["sentence"])
    if isinstance(change, dict) and "name" in change:
        before = "unset" if change.get("from") is None else change["from"]
        return f"{change['name']} {before} → {change.get('to')}"
    return str(change)
