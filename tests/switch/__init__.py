"""Tests of the switch on a real PM2, a real PostgreSQL and a small real service."""
