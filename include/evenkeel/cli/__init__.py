"""The command line: the same workflows without Airflow, and the local stack that runs them with it."""
