"""Entry point of ``python -m sessionstore``."""

from __future__ import annotations

import sys

from sessionstore.commands.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
