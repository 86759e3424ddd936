"""Workflows: one public function per pipeline step, (spec, as-of or partition, gateways) to a small result.

They run the same in Airflow, in the CLI, in a test and in a replay; none imports a vendor or Airflow.
"""
