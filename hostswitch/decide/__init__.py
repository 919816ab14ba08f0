"""Decisions about a host. Pure: no host, no file."""
