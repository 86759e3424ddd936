"""The words of an approval, as the DAG asks for it, a person clicks on it and a program answers it."""

from __future__ import annotations

TASK = "approve"
"""The task of a train DAG that waits for a person."""

APPROVE = "Promote"
KEEP = "Keep the champion"
