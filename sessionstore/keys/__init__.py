"""What a key is called and holds: names of files and rows, values, credentials. Pure."""
