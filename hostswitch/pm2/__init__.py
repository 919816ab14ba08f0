"""PM2: its daemon, its applications, their entries and its dump."""
