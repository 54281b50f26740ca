"""Why a call has no answer: botocore's exceptions and AWS's error codes, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fleetdiag.aws.values import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

CONNECT_S = 3.0
ATTEMPTS = 4
"""Of one call, where the API throttles or fails; botocore waits up to 1, 2 and 4 s between them."""


class TroubleKind(StrEnum):
    """Why there is no answer."""

    MISSING = "missing"
    """boto3 is not installed."""
    CREDENTIALS = "credentials"
    """None, or none that AWS accepts."""
    EXPIRED = "expired"
    DENIED = "denied"
    """The credentials are good, the permission is lacking."""
    REGION = "region"
    """None given, or none of that name."""
    REQUEST = "request"
    """AWS does not understand it: a filter, an id."""
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no-answer"
    """Not within the deadline."""
    SERVER = "server"
    """AWS failed, and says so."""
    BROKEN = "broken"
    """An answer came that cannot be understood."""

    @property
    def passing(self) -> bool:
        """Whether it is the provider's or the network's, and may be over in a while."""
        return self in _PASSING


_PASSING = frozenset(
    {
        TroubleKind.THROTTLED,
        TroubleKind.UNREACHABLE,
        TroubleKind.NO_ANSWER,
        TroubleKind.SERVER,
        TroubleKind.BROKEN,
    }
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one call has no answer."""

    kind: TroubleKind
    service: str
    """`EC2`, `AWS Health`."""
    region: str
    """Empty where it has none."""
    text: str
    """For a person, one line, without service and region."""
    code: str = ""
    """AWS's own word: `RequestLimitExceeded`."""
    message: str = ""
    """AWS's own sentence, in one line, clipped."""

    def __str__(self) -> str:
        """`EC2 us-east-1: no permission for ec2:DescribeInstances (UnauthorizedOperation)`."""
        return f"{self.service} {self.region}".rstrip() + f": {self.text}"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """Something to ask, and what to call it in messages."""

    service: str
    region: str
    action: str
    """`DescribeInstances`."""
    run: Callable[[], T]


def lines(troubles: Sequence[Trouble]) -> tuple[str, ...]:
    """The troubles as sentences: each said once, with the regions that have it."""
    regions: dict[tuple[str, str], list[str]] = {}
    for each in troubles:
        there = regions.setdefault((each.service, each.text), [])
        if each.region and each.region not in there:
            there.append(each.region)
    return tuple(
        f"{service} {', '.join(there)}".rstrip() + f": {text}"
        for (service, text), there in regions.items()
    )


# The codes are those of the EC2 API reference ("Error codes") and of AWS's common errors.
_CODES: Mapping[str, TroubleKind] = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
        TroubleKind.EXPIRED,
    ),
    **dict.fromkeys(
        (
            "UnauthorizedOperation",
            "AccessDenied",
            "AccessDeniedException",
            "NotAuthorized",
            "UnauthorizedException",
        ),
        TroubleKind.DENIED,
    ),
    **dict.fromkeys(
        (
            "AuthFailure",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "IncompleteSignature",
            "MissingAuthenticationToken",
            "InvalidToken",
        ),
        TroubleKind.CREDENTIALS,
    ),
    "OptInRequired": TroubleKind.REGION,
    **dict.fromkeys(
        (
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "RequestThrottled",
            "TooManyRequestsException",
        ),
        TroubleKind.THROTTLED,
    ),
}
_EXPLAINED: Mapping[TroubleKind, str] = {
    TroubleKind.EXPIRED: "the credentials have expired ({code}): log in again or renew the keys",
    TroubleKind.CREDENTIALS: "AWS does not accept the credentials ({code})",
    TroubleKind.REGION: "the region is not enabled for this account ({code})",
    TroubleKind.THROTTLED: f"the API throttles us ({{code}}), after {ATTEMPTS} attempts",
    TroubleKind.DENIED: "no permission for {action} ({code})",
    TroubleKind.SERVER: "the API fails ({code}), after several attempts",
    TroubleKind.REQUEST: "{action} is refused: {message} ({code})",
}


_LOGIN = "set AWS_PROFILE, or log in (aws sso login, aws configure)"

# Names, not classes: botocore need not be there, and older versions lack some. The first that an
# exception or one of its bases has counts, so the special ones stand above the general ones.
_EXCEPTIONS: Sequence[tuple[str, TroubleKind, str]] = (
    ("NoCredentialsError", TroubleKind.CREDENTIALS, f"no AWS credentials found: {_LOGIN}"),
    ("NoAuthTokenError", TroubleKind.CREDENTIALS, f"no AWS credentials found: {_LOGIN}"),
    ("SSOTokenLoadError", TroubleKind.EXPIRED, f"no login of AWS SSO: {_LOGIN}"),
    ("UnauthorizedSSOTokenError", TroubleKind.EXPIRED, f"the SSO login has expired: {_LOGIN}"),
    ("TokenRetrievalError", TroubleKind.EXPIRED, f"the SSO login has expired: {_LOGIN}"),
    ("LoginError", TroubleKind.EXPIRED, f"the login has expired: {_LOGIN}"),
    ("PartialCredentialsError", TroubleKind.CREDENTIALS, "{said}"),
    ("CredentialRetrievalError", TroubleKind.CREDENTIALS, "no credentials to be had: {said}"),
    ("SSOError", TroubleKind.CREDENTIALS, "no credentials to be had: {said}"),
    ("MetadataRetrievalError", TroubleKind.CREDENTIALS, "no credentials to be had: {said}"),
    ("ProfileNotFound", TroubleKind.CREDENTIALS, "{said} (looked in ~/.aws)"),
    ("NoRegionError", TroubleKind.REGION, "no region: name one, or set AWS_DEFAULT_REGION"),
    ("InvalidRegionError", TroubleKind.REGION, "{said}"),
    ("UnknownRegionError", TroubleKind.REGION, "{said}"),
    (
        "ReadTimeoutError",
        TroubleKind.UNREACHABLE,
        "the API takes the question, and does not answer",
    ),
    (
        "ConnectTimeoutError",
        TroubleKind.UNREACHABLE,
        f"the API cannot be reached: no connection within {CONNECT_S:.0f} s",
    ),
    ("ResponseStreamingError", TroubleKind.BROKEN, "the answer broke off"),
    ("IncompleteReadError", TroubleKind.BROKEN, "the answer broke off"),
    ("ConnectionClosedError", TroubleKind.BROKEN, "the answer broke off"),
    ("ConnectionError", TroubleKind.UNREACHABLE, "the API cannot be reached: {said}"),
    ("HTTPClientError", TroubleKind.UNREACHABLE, "the API cannot be reached: {said}"),
    (
        "ResponseParserError",
        TroubleKind.BROKEN,
        "an answer came that is not AWS's, or not whole (cut off; a proxy, a login page)",
    ),
    ("BotoCoreError", TroubleKind.REQUEST, "{said}"),
    # What half-broken answers and settings make of a parser.
    *(
        (name, TroubleKind.BROKEN, "the answer cannot be understood: {said}")
        for name in ("ValueError", "TypeError", "LookupError", "AttributeError", "OSError")
    ),
)


def trouble(error: Exception, call: Call[Any]) -> Trouble:
    """What an exception of `call` means; raises it again where it is none of AWS's."""
    bases = [base.__name__ for base in type(error).__mro__]
    if "ImportError" in bases:
        text = "needs boto3, which is not installed: pip install 'fleetdiag[ec2]'"
        return Trouble(TroubleKind.MISSING, call.service, "", text)
    if "ClientError" in bases:
        return _refused(error, call)
    for name, kind, text in _EXCEPTIONS:
        if name in bases:
            said = one_line(error)
            where = call.region if kind is not TroubleKind.CREDENTIALS else ""
            return Trouble(kind, call.service, where, text.format(said=said), message=said)
    raise error


def _refused(error: Any, call: Call[Any]) -> Trouble:
    """AWS answered, with an error."""
    said = error.response.get("Error", {})
    code = one_line(said.get("Code") or "no code", 80)
    message = one_line(said.get("Message"))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
    kind = _CODES.get(code) or (TroubleKind.SERVER if status >= 500 else TroubleKind.REQUEST)
    action = f"{_prefix(error.operation_name, call)}:{error.operation_name}"
    text = _EXPLAINED[kind].format(code=code, action=action, message=message)
    if code == "RequestExpired":
        text += ", or this machine's clock is wrong"
    elif code == "AuthFailure":
        text += ", or the region is not enabled for this account"
    return Trouble(kind, call.service, call.region, text, code, message)


def _prefix(operation: str, call: Call[Any]) -> str:
    """What IAM calls the service of an operation; roles are assumed in passing."""
    if operation.startswith("AssumeRole"):
        return "sts"
    return "sso" if operation == "GetRoleCredentials" else call.service.split()[-1].lower()
