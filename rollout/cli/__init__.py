"""The command `rollout` as it is typed, and how its answers are shown."""

from rollout.processes import streams

streams.opened()  # before pyinfra is imported: it asks standard output whether it is a terminal
