"""A seeded service: what is where, and what its tools say of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionstore.keys.names import Key
from tests.store.service import machine

COMPANY = "962302"


@dataclass(frozen=True)
class Seeded:
    """Both releases, and what the seed left: the old release's files and the peer's directory."""

    old: Path
    new: Path
    peer: Path

    @property
    def sessions(self) -> Path:
        return self.old / "baileys_sessions"

    def ids(self) -> set[Key]:
        """What the library was given, id by id."""
        lists = json.loads((self.peer / "keys.json").read_text())
        return {Key(kind, key_id) for kind, ids in lists.items() for key_id in ids}

    def digests(self, release: Path, *arguments: str | Path) -> list[dict[str, Any]]:
        """Every key as Baileys reads it, through read-keys.mjs."""
        text = machine.tool(release, "read-keys.mjs", *arguments)
        return [json.loads(line) for line in text.splitlines()]

    def digests_of_files(self) -> list[dict[str, Any]]:
        where = self.sessions / f"company_{COMPANY}"
        return self.digests(
            self.old, "--from", "directory", "--path", where, "--ids", self.peer / "keys.json"
        )

    def digests_of_rows(self) -> list[dict[str, Any]]:
        return self.digests(self.new, "--from", "postgres")

    def talk(self, release: Path, command: str, **options: str | Path) -> list[str]:
        """One command of the conversation; the texts it read."""
        where = {"peer": self.peer / "peer.json", **options}
        words = [word for name, value in where.items() for word in (f"--{name}", value)]
        answer = json.loads(machine.tool(release, "conversation.mjs", command, *words))
        return list(answer.get("texts", []))


def settings(database: dict[str, str], port: int, authority: Path) -> dict[str, str]:
    """The new release's settings."""
    return {
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PORT": str(port),
        "POSTGRES_DATABASE": database["dbname"],
        "POSTGRES_USER": database["user"],
        "POSTGRES_PASSWORD": "trusted on the socket behind",
        "POSTGRES_SSL_CA": str(authority),
        "USE_LEGACY_SUPABASE": "false",
        "USE_REPOSITORY_PATTERN": "true",
    }
