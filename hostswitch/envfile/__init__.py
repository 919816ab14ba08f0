"""The service's .env: read, edited, staged, and what it chooses."""
