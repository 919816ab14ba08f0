"""Directories of session files: scanned, copied, set aside, kept."""
