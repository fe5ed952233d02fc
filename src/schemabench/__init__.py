"""Rank candidate PostgreSQL schemas on a real server, under your own write pattern."""
