"""A directory accounted for, proven again, and deleted."""
