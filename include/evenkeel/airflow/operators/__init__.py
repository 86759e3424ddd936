"""One operator a step; `execute` is a call of the workflow."""
