"""Rows of the service and of the imports, and whether the database may be relied on."""
