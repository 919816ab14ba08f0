"""Migrations, run by one named host."""
