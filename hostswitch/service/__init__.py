"""The service that runs: its status, logs, release, flags, and the pointers to them."""
