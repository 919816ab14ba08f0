"""The git repository of the service `lab/services/ai-admin/`, in two revisions."""

from __future__ import annotations

from pathlib import Path

from lab.profiles import service_repository
from lab.profiles.ai_admin import beside
from lab.profiles.service_repository import REVISIONS, Revision

SOURCES = Path(__file__).parents[2] / "services" / "ai-admin"


def build_repository(destination: Path) -> dict[str, str]:
    """Build its bare repository anew, and return the commit id of each tag."""
    return service_repository.build_repository(destination, REVISIONS, compose)


def compose(revision: Revision, tree: Path) -> None:
    """Write one revision's files into a directory that is made."""
    service_repository.compose(revision, tree, SOURCES)
    beside.write(tree)
