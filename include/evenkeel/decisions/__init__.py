"""Decisions: numbers in, a frozen verdict out. No I/O, no clock, seeds passed in."""
