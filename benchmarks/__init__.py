"""Measurements side by side, each one command; nothing here is a test and nothing asserts a time."""
