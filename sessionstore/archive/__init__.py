"""Encrypted archives of directories: made, checked, unpacked."""
