"""The first rollout of a host with nothing on it, and where its seconds go."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise

from bench.lab_commands import ROOT, program
from lab.fleet import hosts
from lab.profiles import profiles

# A line of progress where no terminal is: "  12.3 s  wa-1: Install Debian packages".
STEP = re.compile(r"\s*([\d.]+) s  (\S+: .+)")
SHOWN = 6


def compare(rounds: int) -> list[str]:
    """Roll out to bare hosts and list the longest steps.

    Args:
        rounds: not used: packages come from the registries, whose speed is not ours to average.

    Returns:
        The table's rows: the whole, then the steps that took longest.
    """
    del rounds
    hosts.up()
    with hosts.hold():
        profiles.reset("bare")
        done = subprocess.run(
            [program("rollout"), "apply", "lab", "--reason", "bench"],
            cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"the rollout of bare hosts failed:\n{done.stdout[-2000:]}")
    seen = [(float(at), step) for at, step in STEP.findall(done.stderr)]
    whole = seen[-1][0]
    lasting = sorted(
        ((after - at, step) for (at, step), (after, _) in pairwise(seen)), reverse=True
    )
    return [
        f"| first rollout of two bare hosts | {whole:.0f} | | |",
        *(f"| of it: {step} | {took:.0f} | | |" for took, step in lasting[:SHOWN]),
    ]
