"""MLflow's errors in our words: who did not answer, who refused, what was asked, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requests import RequestException
from sqlalchemy.exc import OperationalError

from evenkeel.vocabulary.errors import EvenkeelError, ServiceError, TransientError

if TYPE_CHECKING:
    from evenkeel.gateways.mlflow_address import MlflowAddress

_BUSY = {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"}
_DENIED = {"PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"}


def translated(error: Exception, what: str, address: MlflowAddress) -> EvenkeelError:
    """TransientError where nobody answered, ServiceError where the answer was no; neither shows a credential."""
    said = " ".join(address.without_secrets(str(error)).split())[:500]
    if _silent(error):
        return TransientError(
            f"MLflow at {address.shown} did not answer when asked to {what}; start it, or check MLFLOW_TRACKING_URI: {said}"
        )
    denied = getattr(error, "error_code", None) in _DENIED
    hint = "; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to an account that may" if denied else ""
    return ServiceError(f"MLflow at {address.shown} refused to {what}: {said}{hint}")


def _silent(error: BaseException | None) -> bool:
    """Whether a connection, a time limit or a lock is behind an error, rather than an answer."""
    while error is not None:
        if isinstance(error, OperationalError) or getattr(error, "error_code", None) in _BUSY:
            return True
        if isinstance(error, RequestException) and error.response is None:
            return True
        error = error.__cause__ or error.__context__
    return False
