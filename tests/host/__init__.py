"""Read-only checks of an environment's hosts: what `rollout verify` runs, in production too."""
