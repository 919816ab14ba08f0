#!/usr/bin/env python3
"""Prints the Ansible Vault password of one environment; Ansible calls it with `--vault-id ENVIRONMENT`.

Looked up in the file named by $ROLLOUT_VAULT_PASSWORD_FILE and nowhere else; without that, the first of
~/.config/baileys-rollout/ENVIRONMENT.vault-password and, for the lab, the one that it generated, that can be
read and is not empty.
Exit code 2 tells Ansible that there is none (its convention for vault client scripts).
"""

import os
import sys
from contextlib import suppress
from pathlib import Path


def candidates(environment: str) -> list[Path]:
    """Where the password of ``environment`` may stand, in order of precedence."""
    if named := os.environ.get("ROLLOUT_VAULT_PASSWORD_FILE"):
        return [Path(named)]
    places = [Path.home() / ".config/baileys-rollout" / f"{environment}.vault-password"]
    if environment == "lab":
        places.append(Path(__file__).resolve().parent.parent / ".lab/vault-password")
    return places


def main() -> int:
    """Print the password; 2 when there is none."""
    environment = sys.argv[sys.argv.index("--vault-id") + 1] if "--vault-id" in sys.argv else ""
    for path in candidates(environment):
        with suppress(OSError):
            if password := path.read_bytes().strip():
                sys.stdout.buffer.write(password + b"\n")
                return 0
    print(f"No vault password for {environment!r}; looked in:", file=sys.stderr)
    print("".join(f"  {path}\n" for path in candidates(environment)), end="", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
