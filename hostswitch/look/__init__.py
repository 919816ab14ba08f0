"""What a host shows, read-only, and what speaks against a switch."""
