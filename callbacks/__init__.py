"""Callbacks of a run: averaging and resuming, progress, records."""
