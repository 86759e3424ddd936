"""The words every other layer speaks: spec, partition, verdict, columns, errors. No vendor, no I/O but reading specs."""
