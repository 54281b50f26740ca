"""Ed25519 key pairs in OpenSSH's own form, without a process each."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.ssh import serialize_ssh_public_key


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One key pair."""

    private: bytes
    """The private key file's content, without a passphrase."""
    public: str
    """`ssh-ed25519 AAAA…`, without comment and newline."""


def make_key() -> KeyPair:
    """A new key pair."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return KeyPair(private, serialize_ssh_public_key(key.public_key()).decode())
