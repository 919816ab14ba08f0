"""A host whose service's user is hostile, and what sees whether root was fooled."""
