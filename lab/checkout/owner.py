"""Which checkout a machine's one lab belongs to, and when another one may take it over."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from lab.checkout.locks import Holder
from lab.place import LabError, Place

Verdict = Literal["mine", "free", "take over", "refuse"]


@dataclass(frozen=True)
class Record:
    """What the state directory says about the lab on this machine."""

    checkout: str
    lab_id: str
    snapshot: str | None = None
    environment: str = "lab"


def read(place: Place) -> Record | None:
    """The record, or None when there is no lab."""
    try:
        return Record(**json.loads(_file(place).read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        # Written by another version: still somebody's lab, but nobody's that could be named.
        return Record("an unknown checkout", "")


def write(place: Place, record: Record) -> None:
    """Replace the record in one step."""
    place.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = _file(place).with_suffix(".new")
    draft.write_text(json.dumps(asdict(record)))
    draft.rename(_file(place))


def set_snapshot(place: Place, snapshot: Path | None) -> None:
    """Note what the hosts' disks now stand on."""
    record = read(place)
    if record is not None:
        write(place, replace(record, snapshot=snapshot.name if snapshot else None))


def set_environment(place: Place) -> None:
    """Note whose inventory names the hosts."""
    record = read(place)
    if record is not None and record.environment != place.environment:
        write(place, replace(record, environment=place.environment))


def forget(place: Place) -> None:
    """There is no lab on this machine any more."""
    _file(place).unlink(missing_ok=True)


def _file(place: Place) -> Path:
    return place.state / "lab.json"


def decide(
    record: Record | None, lab_id: str | None, user: Holder | None, *, take_over: bool
) -> Verdict:
    """Whether a checkout may use the machine's lab.

    Args:
        record: whose lab it is.
        lab_id: the asking checkout's own lab.
        user: a command of the owner that is using the lab right now.
        take_over: whether to end a lab that nobody uses.
    """
    if record is None:
        return "free"
    if record.lab_id == lab_id:
        return "mine"
    return "take over" if take_over and user is None else "refuse"


def refusal(record: Record, user: Holder | None) -> LabError:
    """Names whose lab it is, and the command that ends it."""
    if user is not None:
        return LabError(
            f"the lab of this machine is in use by {user}; "
            f"wait for it, or end it with: kill {user.pid}"
        )
    return LabError(
        f"the lab of this machine belongs to {record.checkout}; "
        "`python -m lab up` takes it over (its hosts are thrown away), "
        f"`cd {record.checkout} && python -m lab down` ends it"
    )


def why_taken(record: Record, alive: list[str]) -> str:
    """One line about a take-over."""
    if not Path(record.checkout).is_dir():
        reason = "that checkout is gone"
    elif not alive:
        reason = "its hosts are not running"
    else:
        reason = f"nobody is using it; ending {', '.join(alive)}"
    return f"taking over the lab of {record.checkout}: {reason}"
