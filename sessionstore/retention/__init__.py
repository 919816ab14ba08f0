"""What is kept of archives and backups, in which state, and what may go."""
