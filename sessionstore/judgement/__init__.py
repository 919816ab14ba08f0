"""Whether what a file holds is safe in the database: evidence, and decisions upon it. Pure."""
