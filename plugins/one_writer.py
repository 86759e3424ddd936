"""Registers the middleware that lets the API server do one change at a time where Airflow's database is SQLite."""

from __future__ import annotations

from evenkeel.airflow.one_writer import OneWriterPlugin

__all__ = ["OneWriterPlugin"]
