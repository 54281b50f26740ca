"""Asking AWS: clients of one profile, calls side by side within a deadline, pages, errors in words.

Credentials, roles, regions and endpoints are resolved by botocore, as for every AWS tool
(`AWS_PROFILE`, `AWS_ENDPOINT_URL`, …). botocore is imported when first asked. Knows nothing of
hosts and inventories.
"""

from fleetdiag.aws.asking import ask, pages
from fleetdiag.aws.clients import Aws
from fleetdiag.aws.trouble import Call, Trouble, TroubleKind, lines
from fleetdiag.aws.values import entries, inside, one_line, required, unix_time

__all__ = [
    "Aws",
    "Call",
    "Trouble",
    "TroubleKind",
    "ask",
    "entries",
    "inside",
    "lines",
    "one_line",
    "pages",
    "required",
    "unix_time",
]
