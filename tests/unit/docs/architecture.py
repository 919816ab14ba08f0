"""The pictures of docs/architecture.md, drawn from the contracts in pyproject.toml and the rooms' own words.

``python -m tests.unit.docs.architecture`` writes them into the page anew.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "architecture.md"
STORIED = ("sessionstore", "hostswitch", "rollout")
PRODUCT = ("sessionstore", "hostswitch", "roles", "rollout", "tests")
MARK = "<!-- drawn: {} -->"
END = "<!-- end -->"


def contracts() -> list[dict[str, Any]]:
    """Who may know whom, as import-linter reads it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return found


def floors(package: str) -> list[list[str]]:
    """The rooms of a package, floor by floor from the top."""
    (one,) = [one for one in contracts() if one.get("containers") == [package]]
    return [re.split(r" [|:] ", layer) for layer in one["layers"]]


def pictures() -> dict[str, str]:
    """By name, what stands between its mark and the end."""
    return {
        "packages": mermaid(packages()),
        **{name: mermaid(stairs(name)) + "\n\n" + table(name, rooms_of(name)) for name in STORIED},
        **{name: table(name, folders(name)) for name in ("roles", "tests/host", "lab")},
    }


def mermaid(lines: Iterator[str]) -> str:
    """A fenced flow chart."""
    return "\n".join(("```mermaid", "flowchart TD", *(f"  {line}" for line in lines), "```"))


def packages() -> Iterator[str]:
    """An arrow from each package to those that no contract keeps it from knowing."""
    forbidden = {
        one["source_modules"][0].split(".")[0]: one["forbidden_modules"]
        for one in contracts()
        if one["type"] == "forbidden"
    }
    for name in PRODUCT:
        for other in PRODUCT:
            if name != other and other not in forbidden[name] and not (name == "tests" != other):
                some = any(kept.startswith(f"{other}.") for kept in forbidden[name])
                yield f"{name} -->{'|hostprogram|' if some else ''} {other}"
    yield 'tests["tests/host"] --> rollout & roles & hostswitch & sessionstore'
    yield 'deploy["deploy.py"] --> roles'
    yield 'lab["lab, bench, other tests"] --> tests & rollout & roles & hostswitch & sessionstore'


def stairs(package: str) -> Iterator[str]:
    """The floors of a package, each above the next."""
    labels = [" · ".join(floor) for floor in floors(package)]
    for place, label in enumerate(labels):
        yield f'{package}{place}["{label}"]' + (
            f" --> {package}{place + 1}" if labels[place + 1 :] else ""
        )


def table(package: str, rooms: list[str]) -> str:
    """Each room, or file beside the rooms, with what its own first sentence says, and what is in it."""
    rows = []
    for room in rooms:
        folder = ROOT / package / room
        path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        files = " ".join(sorted(one.stem for one in folder.glob("*.py") if one.stem != "__init__"))
        rows.append(f"| `{room}{'/' if files else '.py'}` | {said(path)} | {files} |")
    return "\n".join(("| room | what it is | files |", "| --- | --- | --- |", *rows))


def rooms_of(package: str) -> list[str]:
    """All rooms of a package, from the top floor down."""
    return [room for floor in floors(package) for room in floor if room != "__main__"]


def folders(package: str) -> list[str]:
    """The folders of a package that has no floors."""
    return sorted(path.parent.name for path in (ROOT / package).glob("*/__init__.py"))


def said(path: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]


def drawn(page: str) -> str:
    """The page with its pictures as they are now."""
    for name, picture in pictures().items():
        start = MARK.format(name)
        page = re.sub(
            f"{re.escape(start)}.*?{re.escape(END)}",
            lambda _, text=f"{start}\n{picture}\n{END}": text,  # type: ignore[misc]
            page,
            flags=re.S,
        )
    return page


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
