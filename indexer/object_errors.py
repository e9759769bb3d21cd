"""What an object store's errors mean: one object is to blame, or nothing of the bucket can be believed for now.

Only what is certain blames an object, for its file then leaves the index. Words of a server are shown as they are;
addresses only as host and port, for a proxy's or a server's may hold a password.
"""

from urllib.parse import urlsplit

from indexer.decoding.picture import DecodeFailure, Reason
from indexer.errors import EngineUnavailable, IndexerError, PermissionRefused, UsageRefused
from indexer.remote import SCHEME, Address

_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName", "ParamValidationError"}
_GONE = {"NoSuchKey", "404"}
_REFUSED = {
    "403",
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidSecurity",
    "InvalidToken",
    "NotSignedUp",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
}
# An archived object, one that is encrypted with a key that we have not, one that was emptied meanwhile.
_CLOSED = {"InvalidObjectState", "InvalidRequest", "InvalidRange"}
_CLOSED_PREFIX = "KMS."


def about_a_bucket(error: BaseException, bucket: str) -> IndexerError:
    """Name what keeps a whole bucket from being read."""
    if isinstance(error, IndexerError):
        return error
    code, words = _told(error)
    where = f"{SCHEME}{bucket}"
    if code in _NO_BUCKET:
        return UsageRefused(
            f"there is no bucket {where}", "check the spelling, and which server AWS_ENDPOINT_URL names"
        )
    if code in _REFUSED:
        return PermissionRefused(
            f"{where} may not be read: {words}",
            "check the credentials that the AWS tools use: AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws",
        )
    return EngineUnavailable(
        f"the object store of {where} does not answer as it should: {words}",
        "check AWS_ENDPOINT_URL, and that it can be reached from here; then run the same command again",
    )


def about_an_object(error: BaseException, address: Address) -> DecodeFailure | IndexerError:
    """Name what keeps an object from being read: its own fault, or one that would be everybody's."""
    if isinstance(error, DecodeFailure):
        return error
    code, words = _told(error)
    if code in _GONE:
        return DecodeFailure(Reason.VANISHED, "gone: it was there when the bucket was listed")
    if code == "AccessDenied":
        return DecodeFailure(Reason.PERMISSION_DENIED, f"{words}: check who may read it")
    if code in _CLOSED or code.startswith(_CLOSED_PREFIX):
        return DecodeFailure(Reason.UNREADABLE, f"{words}: check its storage class and its encryption")
    return about_a_bucket(error, address.bucket)


def _told(error: BaseException) -> tuple[str, str]:
    """Return an error's code, S3's own or a class's name, and what it says, without what is not to be shown."""
    for one in (
        error,
        error.__cause__,
    ):  # s3fs makes of a server's answer an OSError, and keeps it as the cause
        answer = getattr(one, "response", None)
        if isinstance(answer, dict) and "Error" in answer:
            code = str(answer["Error"].get("Code", ""))
            return code, f"{code}: {answer['Error'].get('Message') or 'no more is said'}"
    name = type(error).__name__
    url = getattr(error, "kwargs", {}).get("endpoint_url")
    if url:
        parts = urlsplit(str(url))
        return name, f"{name} ({parts.hostname}{f':{parts.port}' if parts.port else ''})"
    return name, name
