"""The hosts of a lab together."""
