"""Dumps of the database, made and checked."""
