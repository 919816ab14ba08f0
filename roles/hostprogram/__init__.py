"""The bridge to the program on the host: its plan, its commands, its archive."""
