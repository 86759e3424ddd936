"""Example model: will a flight arrive more than 15 minutes late, or not at all? Known at midnight before it departs."""
