"""What a private key file says of itself before its key is looked at. Knows no SSH library."""

from __future__ import annotations

from pathlib import Path

_READ_CHARS = 400
_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"
_OPENSSH_UNENCRYPTED = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"
"""In base64 the words `openssh-key-v1` and the cipher `none` (OpenSSH's PROTOCOL.key)."""


def is_plainly_unencrypted(path: str) -> bool:
    """Whether the file says that it needs no passphrase; False where it cannot be told."""
    try:
        with Path(path).open(encoding="ascii", errors="replace") as file:
            begin, _, rest = file.read(_READ_CHARS).strip().partition("\n")
    except OSError:
        return False
    if begin.strip() == _OPENSSH:
        return rest.replace("\n", "").startswith(_OPENSSH_UNENCRYPTED)
    # PEM: an encrypted one says so in its first line or the header below it (RFC 1421, RFC 5958).
    is_pem = begin.startswith("-----BEGIN ") and "PRIVATE KEY" in begin
    return is_pem and "ENCRYPTED" not in begin + rest
