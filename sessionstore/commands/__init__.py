"""The commands of the session store, one module a group; each adds its own to the parser."""
