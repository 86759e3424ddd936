"""The one place that imports Airflow: operators, the as-of of a run, assets, the warm executor, alerts."""
