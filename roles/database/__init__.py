"""PostgreSQL on hosts that carry it themselves."""
