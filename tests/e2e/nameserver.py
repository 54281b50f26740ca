"""A name server for a fleet host that answers every question, with nothing; needs only Python."""

from __future__ import annotations

import socket
import struct
import sys

PORT = 53
RESPONSE = 0x8180
"""An answer, recursion asked for and had, no error."""


def reply(query: bytes) -> bytes:
    """The question again, marked as answered, without a record."""
    number = query[:2]
    return number + struct.pack(">HHHHH", RESPONSE, 1, 0, 0, 0) + query[12:]


def serve(address: str) -> None:
    """Answer until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, PORT))
        while True:
            query, client = server.recvfrom(512)
            server.sendto(reply(query), client)


if __name__ == "__main__":
    serve(sys.argv[1])
