"""Root file systems: made once, kept, copied."""
