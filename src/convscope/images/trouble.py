"""What goes wrong between here and a store: whose trouble it is, whether to ask again, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from convscope.errors import ConvscopeError, ImageError, ImageSetError

T = TypeVar("T")

PAUSES = (0.5, 2.0)
"""Seconds before a web server is asked again that did not answer; the libraries of buckets do so themselves."""

ABSENT = {"404", "410", "NoSuchKey"}
FORBIDDEN = {"403", "AccessDenied", "Forbidden"}
NO_STORE = {"NoSuchBucket", "InvalidBucketName"}
NOT_ACCEPTED = {
    "401",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
}
NOT_FOUND = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "TokenRetrievalError", "RefreshError"}
FAULTS = (
    (NO_STORE, "there is no such bucket; check its name and the endpoint"),
    (NOT_FOUND, "no credentials were found"),
    (NOT_ACCEPTED | {"PermissionError"}, "the store does not accept the credentials"),
)
"""What is wrong with more than one file."""

ADVICE = {
    "s3": "Credentials are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or the machine's role; "
    "a public bucket needs FSSPEC_S3='{\"anon\": true}', another service AWS_ENDPOINT_URL.",
    "gs": "Credentials are taken from GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login` or the "
    'machine\'s role; a public bucket needs FSSPEC_GS=\'{"token": "anon"}\'.',
    "https": "If the address is a signed one, it may have expired: get a new one.",
}
ADVICE |= {"gcs": ADVICE["gs"], "http": ADVICE["https"]}


def asked(scheme: str, shown: str, question: Callable[[], T], pauses: Sequence[float] = ()) -> T:
    """The answer to a question, which is asked again after each pause if the store was out of reach.

    Raises ImageError for what concerns one file only, and ImageSetError, which names the file, where the store or the
    credentials are at fault: then others would fail as well, and must not be taken for bad images.
    """
    for pause in (*pauses, None):
        try:
            return question()
        except ConvscopeError:
            raise
        except Exception as error:  # a library's, whose text may hold addresses with credentials
            final = _final(error, scheme, shown)
            if final is not None or pause is None:
                raise final or _unreachable(error, shown) from None
            time.sleep(pause)
    raise AssertionError


def _final(error: BaseException, scheme: str, shown: str) -> ImageError | ImageSetError | None:
    """The error to raise; None if the store may answer the next time."""
    codes = set(_codes(error))
    if codes & ABSENT or (isinstance(error, FileNotFoundError) and not codes & NO_STORE):
        return ImageError("no such file")
    if codes & FORBIDDEN:
        return ImageError("no permission to read the file")
    if isinstance(error, IsADirectoryError):
        return ImageError("a folder, not a file")
    what = next((what for known, what in FAULTS if codes & known), None)
    return None if what is None else ImageSetError(f"{shown} cannot be read: {what}. {ADVICE.get(scheme, '')}".strip())


def _unreachable(error: BaseException, shown: str) -> ImageSetError:
    return ImageSetError(
        f"{shown} cannot be read: the store does not answer as it should ({type(error).__name__}), though asked again. "
        "Run the command once more when it does; what is finished is kept."
    )


def _codes(error: BaseException | None) -> Iterator[str]:
    """Names of the error and its causes, and what the store said, as a number or a word."""
    for _ in range(10):
        if error is None:
            return
        yield from (kind.__name__ for kind in type(error).__mro__)
        answer = getattr(error, "response", None)
        if isinstance(answer, dict):
            yield str(answer.get("Error", {}).get("Code"))
        status = getattr(error, "status", None)
        yield str(getattr(error, "code", None) if status is None else status)
        error = error.__cause__ or error.__context__
