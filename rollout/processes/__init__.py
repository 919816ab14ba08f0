"""Child processes: side by side, bounded, ended with their parent."""
