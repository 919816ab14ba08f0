"""What a setting or a flag may be, and each mistake with its file, line and remedy. Pure."""
