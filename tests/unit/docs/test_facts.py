"""The facts that comments cite stand in the repository, where they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = "docs/facts.md"
CITED = re.compile(r'docs/facts\.md\s+(?:section\s+(\d))?(?:,\s+"([^"]+)")?')


def sources() -> list[Path]:
    """Every file of the repository that may cite the page."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.js", "*.mjs", "*.yml", "*.sh", "*.j2"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.splitlines() if ROOT / name != Path(__file__)]


def test_every_cited_fact_is_on_the_page() -> None:
    """A reason that can't be looked up is none."""
    page = (ROOT / PAGE).read_text()
    parts = dict(re.findall(r"^## (\d)\. (.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))
    wrong, cited = [], 0
    for path in sources():
        # A docstring's or a comment's line may end in the middle of a citation.
        text = re.sub(r"\s*\n\s*(?:#|//)?\s*", " ", path.read_text())
        for section, title in CITED.findall(text):
            cited += 1
            body = parts.get(section, "") if section else page
            if not body or title.lower() not in body.lower():
                wrong.append(f"{path.relative_to(ROOT)}: section {section}, {title!r}")
    assert not wrong and cited > 60, wrong


def test_nothing_cites_a_page_that_is_not_there() -> None:
    """Whoever reads the code has this repository and no more."""
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in re.findall(r"\b(?:docs/)?[\w-]+\.md\b", path.read_text())
        if name.partition(".")[0].isupper() or name.startswith("docs/")
        if not (ROOT / name).exists()
    ]
    assert not missing
