"""States a host is put into before a test."""
