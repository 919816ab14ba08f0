"""Packages, user, directories, PM2 and its boot unit, log rotation, the host program."""
