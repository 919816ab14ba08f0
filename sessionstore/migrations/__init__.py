"""The schema by deploy, verify and revert scripts."""
