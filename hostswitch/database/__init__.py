"""The database of a host, through sessionstore."""
