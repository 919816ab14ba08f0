"""``make bench``: run comparisons and print their table, for ``docs/performance.md``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bench import after_import, import_from_node, import_keys, one_company

#: By name: each takes keys and rounds, and gives rows of the table.
_SESSION_STORE: dict[str, Callable[[int, int], list[str]]] = {
    "import": import_keys.compare,
    "node": import_from_node.compare,
    "after-import": after_import.compare,
    "one-company": one_company.compare,
}


def main() -> None:
    """Run the comparisons that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(_SESSION_STORE)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {names}; all by default")
    parser.add_argument("--keys", type=int, default=20_000, help="session files of the company")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved runs of each side")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - _SESSION_STORE.keys())
    if unknown:
        parser.error(f"no such comparison: {', '.join(unknown)}; there are {names}")
    print("| what; beside it | ours, s | beside it, s | ratio |")
    print("| --- | --- | --- | --- |")
    for name in arguments.names or _SESSION_STORE:
        for row in _SESSION_STORE[name](arguments.keys, arguments.rounds):
            print(row, flush=True)


if __name__ == "__main__":
    main()
