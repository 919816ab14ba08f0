"""``make bench``: run comparisons and print their table, for ``docs/performance.md``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bench import (
    after_import,
    bare_host,
    converged_rollout,
    import_from_node,
    import_keys,
    one_company,
    remote_commands,
    toggle_flag,
    without_service,
)

#: By name: each takes keys and rounds, and gives rows of the table.
_SESSION_STORE: dict[str, Callable[[int, int], list[str]]] = {
    "import": import_keys.compare,
    "node": import_from_node.compare,
    "after-import": after_import.compare,
    "one-company": one_company.compare,
}
#: Likewise, but only when asked for: it writes a million files, which takes minutes.
_ON_REQUEST: dict[str, Callable[[int, int], list[str]]] = {"million": import_keys.compare_sizes}
#: By name, on the lab's hosts, which need root: each takes rounds.
_ROLLOUTS: dict[str, Callable[[int], list[str]]] = {
    "converged": converged_rollout.compare,
    "converged-five": converged_rollout.compare_five,
    "without-service": without_service.compare,
    "bare": bare_host.compare,
    "remote-commands": remote_commands.compare,
    "toggle": toggle_flag.compare,
}


def main() -> None:
    """Run the comparisons that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join([*_SESSION_STORE, *_ROLLOUTS])
    also = ", ".join(_ON_REQUEST)
    help_names = f"of {names}: all by default; or {also}"
    parser.add_argument("names", nargs="*", metavar="NAME", help=help_names)
    parser.add_argument("--keys", type=int, default=20_000, help="session files of the company")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved runs of each side")
    arguments = parser.parse_args()
    there = {**_SESSION_STORE, **_ON_REQUEST, **_ROLLOUTS}
    unknown = sorted(set(arguments.names) - there.keys())
    if unknown:
        parser.error(f"no such comparison: {', '.join(unknown)}; there are {names}, {also}")
    print("| what; beside it | ours, s | beside it, s | ratio |")
    print("| --- | --- | --- | --- |")
    for name in arguments.names or [*_SESSION_STORE, *_ROLLOUTS]:
        for row in _rows(name, arguments.keys, arguments.rounds):
            print(row, flush=True)


def _rows(name: str, keys: int, rounds: int) -> list[str]:
    if name in _ROLLOUTS:
        return _ROLLOUTS[name](rounds)
    return {**_SESSION_STORE, **_ON_REQUEST}[name](keys, rounds)


if __name__ == "__main__":
    main()
