"""Example model: how many minutes will a flight be in the air? Known at midnight before it departs."""
