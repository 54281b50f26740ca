"""Other SSH servers than OpenSSH's, on loopback: paramiko's and asyncssh's, each running `sh -s`.

Both let in one key, and may say that they are another server than they are.
"""

from __future__ import annotations

import asyncio
import getpass
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import paramiko
from paramiko import common

from fleetdiag.model import Endpoint, Host, TransportKind
from tests.fleet.keys import make_key

ADDRESS = "127.0.0.1"
_PIPES: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)


@dataclass(frozen=True, slots=True)
class Server:
    """Where one listens, and the files to log in with."""

    port: int
    key_path: Path
    known_hosts_path: Path

    def host(self, port: int | None = None) -> Host:
        """For a plan; `port`: of a relay before it."""
        endpoint = Endpoint(
            "server",
            ADDRESS,
            port or self.port,
            getpass.getuser(),
            identity_files=(str(self.key_path),),
            identities_only=True,
            known_hosts_files=(str(self.known_hosts_path),),
            host_key_alias="server",
        )
        return Host("server", TransportKind.SSH, endpoint)


@contextmanager
def serving(make: str, directory: Path, claims: str = "") -> Iterator[Server]:
    """A server of that make in a process of its own; `claims`: what it says it is."""
    host_key, user_key = make_key(), make_key()
    key_path, known_hosts, host_path = (directory / name for name in ("key", "known", "host"))
    for path, content in ((key_path, user_key.private), (host_path, host_key.private)):
        path.write_bytes(content)
        path.chmod(0o600)
    known_hosts.write_text(f"server {host_key.public}\n")
    argv = [sys.executable, "-m", __name__, make, str(host_path), user_key.public, claims]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            port = int(process.stdout.readline())  # type: ignore[union-attr]
            yield Server(port, key_path, known_hosts)
        finally:
            process.kill()


async def _asyncssh(host_path: str, user_key: str, claims: str) -> None:
    async def shell(process: Any) -> None:
        child = subprocess.Popen(["sh", "-c", process.command], bufsize=0, **_PIPES)
        await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
        await process.stdout.drain()
        process.exit(await asyncio.to_thread(child.wait))

    acceptor = await asyncssh.listen(
        ADDRESS,
        0,
        server_host_keys=[host_path],
        authorized_client_keys=asyncssh.import_authorized_keys(user_key),
        process_factory=shell,
        encoding=None,
        **({"server_version": claims} if claims else {}),
    )
    _tell(acceptor.get_port())
    await acceptor.wait_closed()


def _tell(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


class _Accepting(paramiko.ServerInterface):
    def __init__(self, key: str) -> None:
        self._key = key
        self.commands: list[tuple[paramiko.Channel, str]] = []
        self.asked = threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = f"{key.get_name()} {key.get_base64()}" == self._key
        return common.AUTH_SUCCESSFUL if known else common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands.append((channel, command.decode()))
        self.asked.set()
        return True


def _paramiko(host_path: str, user_key: str, claims: str) -> None:
    key = paramiko.Ed25519Key.from_private_key_file(host_path)

    def serve(client: socket.socket) -> None:
        transport = paramiko.Transport(client)
        if claims:
            transport.local_version = f"SSH-2.0-{claims}"
        transport.add_server_key(key)
        accepting = _Accepting(user_key)
        transport.start_server(server=accepting)
        if accepting.asked.wait(10):
            _run(*accepting.commands[0])
        transport.close()

    with socket.create_server((ADDRESS, 0)) as listener:
        _tell(listener.getsockname()[1])
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()


def _run(channel: paramiko.Channel, command: str) -> None:
    """The command with its three streams on the channel, to its end."""
    child = subprocess.Popen(["sh", "-c", command], bufsize=0, **_PIPES)
    stdin: Any = child.stdin

    def copy_in() -> None:
        with suppress(OSError):
            while data := channel.recv(1 << 16):
                stdin.write(data)
        stdin.close()

    def copy_out(pipe: Any, send: Any) -> None:
        with suppress(OSError):
            while data := pipe.read(1 << 14):
                send(data)

    copies = [
        threading.Thread(target=copy_in, daemon=True),
        threading.Thread(target=copy_out, args=(child.stdout, channel.sendall), daemon=True),
        threading.Thread(target=copy_out, args=(child.stderr, channel.sendall_stderr), daemon=True),
    ]
    for thread in copies:
        thread.start()
    for thread in copies[1:]:
        thread.join()
    channel.send_exit_status(child.wait())
    channel.close()


class Withholding:
    """A relay that lets nothing more through to the client once the key exchange is done.

    `sent` is then what the client sent without an answer.
    """

    _NEWKEYS = 21

    def __init__(self, address: str, port: int) -> None:
        self._target = address, port
        self._listener = socket.create_server((ADDRESS, 0))
        self.port: int = self._listener.getsockname()[1]
        self._keys_exchanged = threading.Event()
        self._release = threading.Event()
        self._quiet = threading.Event()
        self.sent = 0
        self.identified = ""
        """The server's identification."""
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def wait_until_quiet(self) -> int:
        """Bytes that the client sent behind its keys, when it sends no more."""
        self._keys_exchanged.wait(10)
        while self._quiet.wait(0.5):
            self._quiet.clear()
        return self.sent

    def release(self) -> None:
        """Let everything through."""
        self._release.set()

    def close(self) -> None:
        self._release.set()
        self._listener.close()
        self._serving.join()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._to_client, args=(server, client), daemon=True)
            back.start()
            self._to_server(client, server)
            back.join()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                if self._keys_exchanged.is_set() and not self._release.is_set():
                    self.sent += len(data)
                    self._quiet.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _to_client(self, server: socket.socket, client: socket.socket) -> None:
        plain = b""
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if self._keys_exchanged.is_set():
                    self._release.wait()
                else:
                    plain += data
                    self.identified = plain.partition(b"\r\n")[0].decode(errors="replace")
                    if self._NEWKEYS in _kinds(plain):
                        self._keys_exchanged.set()
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


def _kinds(plain: bytes) -> list[int]:
    """The kinds of the messages behind the identification, up to the first that is not whole."""
    at = plain.find(b"\n") + 1
    kinds: list[int] = []
    while at and at + 6 <= len(plain):
        size = int.from_bytes(plain[at : at + 4], "big")
        if at + 4 + size > len(plain) or kinds[-1:] == [Withholding._NEWKEYS]:
            break
        kinds.append(plain[at + 5])
        at += 4 + size
    return kinds


if __name__ == "__main__":
    make, *arguments = sys.argv[1:]
    if make == "asyncssh":
        asyncio.run(_asyncssh(*arguments))
    else:
        _paramiko(*arguments)
