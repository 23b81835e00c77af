"""A JSON request over HTTP, whose outcome is a value, never an exception with a header in it."""

import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from ssl import SSLCertVerificationError
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from generation.prompts.api_key import ApiKey

_MAX_BYTES = 1 << 20  # an answer is a sentence; more is a mistake
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a request got no answer."""

    reason: str
    """In a few words, without anything that the server wrote."""
    is_transient: bool
    """Whether the same request may do later."""
    status: int = 0
    """Of HTTP; 0 where no status line came."""
    retry_after: float | None = None
    """Seconds that the server asks to wait. None: it does not say."""
    body: bytes = field(default=b"", repr=False)
    """What the server wrote. It may repeat the key, so no print of this object shows it."""


def check_url(url: str) -> None:
    """Refuse what is no plain web address.

    Raises:
        ValueError: If the address cannot be used, or holds a password, a query or a fragment: an
            address stands in configurations. What may be a secret is not repeated.
    """
    cure = "give it like https://host/v1 or http://localhost:8000/v1"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        usable = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0
    except ValueError:  # a port that is no number, an unclosed bracket, a host that cannot be
        usable = False
    if not usable or not re.fullmatch(r"[!-~]+", url):
        raise ValueError(f"the url of the endpoint is no web address: {cure}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            f"the url of the endpoint at {parts.hostname} holds more than a place, which would "
            f"stand in every configuration: {cure}, and the key in an environment variable"
        )


def post_json(url: str, body: bytes, *, key: ApiKey | None, timeout: float) -> bytes | Failure:
    """Send JSON and return what comes back.

    Redirections are refused: the next host was not asked for. Proxies of the environment are used.

    Args:
        url: See `check_url`.
        body: The JSON.
        key: Goes into the header. None: none.
        timeout: Seconds, of connecting, of any silence, and of reading altogether.
    """
    request = Request(url, data=body, headers={"Content-Type": "application/json"})
    if key is not None:
        key.sign(request)
    deadline = time.monotonic() + timeout
    try:
        with build_opener(_NoRedirection).open(request, timeout=timeout) as response:
            return _read(response, deadline)
    except HTTPError as error:
        with error:
            return _failure(error, deadline)
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, URLError) else error
        return Failure(
            reason=_name_of(cause), is_transient=not isinstance(cause, SSLCertVerificationError)
        )


def wait_asked_for(header: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3); None where it says nothing.

    Args:
        header: A number of seconds or a date.
        now: With its time zone.
    """
    text = (header or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a time zone
        return None


class _NoRedirection(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Return no request: the redirection is then the error of its status."""


def _failure(error: HTTPError, deadline: float) -> Failure:
    status = error.code
    try:
        body = _read(error, deadline)
    except (OSError, HTTPException):
        body = b""  # the status says enough
    return Failure(
        reason=f"HTTP status {status}",
        # as the clients of such endpoints do: time out, conflict, too early, too many, their fault
        is_transient=status in {408, 409, 425, 429} or status >= 500,
        status=status,
        retry_after=wait_asked_for(error.headers.get("Retry-After"), datetime.now().astimezone()),
        body=body,
    )


def _read(response: HTTPResponse | HTTPError, deadline: float) -> bytes:
    """Return the body; a server that sends drop by drop does not hold us longer than the deadline.

    Raises:
        OSError: If it takes too long or is too much.
    """
    data = b""
    while chunk := response.read1(_CHUNK):
        data += chunk
        if time.monotonic() > deadline:
            raise TimeoutError
        if len(data) > _MAX_BYTES:
            raise OSError(0, f"more than {_MAX_BYTES} bytes")
    return data


def _name_of(error: object) -> str:
    """Return what went wrong in the words of the system; those of a server may hold the key."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
