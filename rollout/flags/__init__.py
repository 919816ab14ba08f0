"""`rollout flags`: the files of an environment, their history, and what a host has."""
