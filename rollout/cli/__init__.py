"""The command `rollout` as it is typed, and how its answers are shown."""
