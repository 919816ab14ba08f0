"""What is installed beside an operator's vault: pinned, and nothing that only tests need."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# `tests/host` is what `rollout verify` runs.
PRODUCT = ("rollout", "roles", "sessionstore", "hostswitch", "tests/host")
OWN = {"rollout", "roles", "sessionstore", "hostswitch", "tests"}


def pins(name: str) -> dict[str, str]:
    """Package → version of a lock file."""
    found = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(), re.M)
    return {plain(package): version for package, version in found}


def plain(package: str) -> str:
    """One spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", package).lower()


def names(lines: list[str]) -> set[str]:
    """The packages that requirements name, as lock files spell them."""
    return {plain(re.split(r"[ <>=~]", line)[0]) for line in lines if line[:1] not in "#"}


def imported() -> set[str]:
    """The packages that the product imports."""
    trees = [
        ast.parse(path.read_text()) for name in PRODUCT for path in (ROOT / name).rglob("*.py")
    ]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    found = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    found |= {
        str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level
    }
    return {name.split(".")[0] for name in found} - set(sys.stdlib_module_names) - OWN


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_everything_is_pinned_and_no_registry_is_named(name: str) -> None:
    """What is installed is what was tested, wherever it comes from."""
    text = (ROOT / name).read_text().replace("\\\n", "")
    for line in text.splitlines():
        if line[:1] in "#":
            continue
        assert re.fullmatch(r"[\w.-]+==[\w.]+(\s+--hash=sha256:[0-9a-f]{64})+", line), line


def test_what_only_tests_need_is_apart() -> None:
    """All that the product imports is installed by `make setup`; what tests add is not."""
    operator, tests = pins("requirements.txt"), pins("requirements-test.txt")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert names(project["dependencies"]) <= set(operator)
    wanted = names((ROOT / "requirements-test.in").read_text().splitlines())
    assert wanted <= set(tests)
    assert not wanted & set(operator)
    assert {name: operator[name] for name in operator if name in tests}.items() <= tests.items()
    distributions = packages_distributions()
    needed = {plain(one) for name in imported() for one in distributions.get(name, [name])}
    assert needed <= set(operator)


def test_make_setup_needs_no_lab_and_no_tests() -> None:
    """It installs nothing of the machine's, whoever runs it."""
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "setup"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "-r requirements.txt" in done.stdout
    assert "lab" not in done.stdout
    assert "requirements-test" not in done.stdout
