"""What S3's answers mean: wait and try again, or which sentence the user needs."""

from __future__ import annotations

from botocore import exceptions as boto
from botocore.exceptions import ClientError

from reactal.errors import CredentialsRejected, StoreError, StoreUnavailable

__all__ = ["code_of", "explained", "is_conflict", "is_precondition", "is_transient"]

_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout", "TooManyRequests"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted"}
_LOST = (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError, boto.ResponseStreamingError)
_REJECTED = {
    "403",
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "Forbidden",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
_NO_KEYS = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError, boto.TokenRetrievalError)


def code_of(error: Exception) -> str:
    """S3's name of the error, or the HTTP status where the answer had no body; empty if there was no answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def is_precondition(error: Exception) -> bool:
    """The object that was to be new exists."""
    return code_of(error) in ("412", "PreconditionFailed")


def is_conflict(error: Exception) -> bool:
    """Another write of the same key was under way."""
    return code_of(error) in _CONFLICT


def is_transient(error: BaseException) -> bool:
    """Whether the same request may well succeed a little later."""
    if isinstance(error, ClientError):
        return code_of(error) in _THROTTLED or is_conflict(error) or _status(error) in (429, 500, 502, 503, 504)
    return isinstance(error, _LOST) and not isinstance(error, boto.SSLError)


def explained(error: Exception, *, what: str, where: str) -> StoreError:
    """The error as one sentence: what could not be done, where, and what would mend it."""
    code = code_of(error)
    if isinstance(error, _NO_KEYS):
        return CredentialsRejected(
            f"{what}: no credentials for {where}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )
    if code == "RequestTimeTooSkewed":
        return StoreUnavailable(f"{what}: {where} says this machine's clock is wrong ({code}); set it, for example by NTP")
    if code in _REJECTED:
        return CredentialsRejected(
            f"{what}: {where} refused the credentials ({code}); check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and "
            "that they may list, read, write and delete there"
        )
    if code == "NoSuchBucket":
        return StoreUnavailable(f"{what}: there is no bucket {where}; make it or correct the store's URL")
    if code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "301", "IllegalLocationConstraintException"):
        return StoreUnavailable(f"{what}: {where} is in another region ({code}); add ?region=... to the store's URL")
    if code:
        return StoreUnavailable(f"{what}: {where} answered {code} ({_status(error)}); {_advice(error)}")
    if isinstance(error, boto.SSLError):
        return StoreUnavailable(f"{what}: no trusted TLS connection to {where} ({error}); check the endpoint and certificates")
    return StoreUnavailable(f"{what}: no answer from {where} ({error}); check the endpoint and the network")


def _advice(error: Exception) -> str:
    return "it is overloaded, try again later" if is_transient(error) else "check the server and the store's URL"


def _status(error: Exception) -> int:
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
