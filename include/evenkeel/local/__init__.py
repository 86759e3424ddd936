"""The whole system on one machine: what `evenkeel up` starts, and a client for it."""
