"""The checks of tests/host run against hosts, and their results."""
