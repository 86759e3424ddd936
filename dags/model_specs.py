"""Shows mistakes in model specs as an import error in the Airflow UI: a bad spec costs only its own model's DAGs."""

from __future__ import annotations

from evenkeel.vocabulary.errors import SpecError
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import load_specs

_, mistakes = load_specs(read_settings().models)
if mistakes:
    # Airflow reads this file because the words "dag" and "airflow" are in it.
    raise SpecError(mistakes)
