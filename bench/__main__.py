"""``make bench``: run the comparisons and print their table, for ``docs/performance.md``."""

from __future__ import annotations

import argparse

from bench.import_keys import compare


def main() -> None:
    """Run every comparison."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--keys", type=int, default=20_000, help="session files to import")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved runs of each side")
    arguments = parser.parse_args()
    print("| what | ours, s | beside it, s | ratio |")
    print("| --- | --- | --- | --- |")
    for row in compare(arguments.keys, arguments.rounds):
        print(row)


if __name__ == "__main__":
    main()
