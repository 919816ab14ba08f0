"""Hosts asked over ssh, and what the host program answers."""
