"""The service's code at a revision, staged beside the one that runs."""
