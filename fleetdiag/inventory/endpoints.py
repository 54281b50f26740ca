"""Where and as whom to log in: inventory first, then ssh_config, then OpenSSH's defaults."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.records import Given, Target, Variables, parse_via
from fleetdiag.inventory.ssh_config import Answer, Names, SshConfig, expand_path, expand_tokens
from fleetdiag.model import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleetdiag.inventory.merge import Inherited

DEFAULT_PORT = 22
_DEFAULT_ORIGIN = "default"
_USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")

Origins = dict[str, str]
Hops = tuple[Endpoint, ...]


class Endpoints:
    """Makes endpoints for the hosts of one run; remembers the bastions it has resolved."""

    def __init__(self, config: SshConfig, hosts: Mapping[str, Inherited]) -> None:
        self._config = config
        self._hosts = hosts
        self._home = Path.home()
        self._local_host = socket.gethostname()
        self._hops: dict[Target, Hops] = {}

    def endpoint(self, name: str, variables: Variables) -> tuple[Endpoint, Origins]:
        """The endpoint of the host `name` and where each field came from; raises InventoryError."""
        return self._endpoint(name, variables, (name,))

    def _endpoint(
        self, name: str, variables: Variables, chain: tuple[str, ...]
    ) -> tuple[Endpoint, Origins]:
        login = _Login(self, name, variables)
        via = login.via()
        hops = () if via is None else self._route(login, via, chain)
        endpoint = login.endpoint(hops)
        return endpoint, login.origins

    def _route(self, login: _Login, via: Given, chain: tuple[str, ...]) -> Hops:
        """The hops `via` names, after those to reach the first; a host is no hop to itself."""
        targets = parse_via(str(via.value))
        route: Hops = ()
        for target in targets:
            if target.host == login.name and target.port in {None, login.port}:
                continue
            if not route:
                route = self._first_hop(target, via, chain)
            else:
                route += (self._bare_hop(target),)
            if (route[-1].address, route[-1].port) == (login.address, login.port):
                route = route[:-1]
        return route

    def _first_hop(self, target: Target, via: Given, chain: tuple[str, ...]) -> Hops:
        if target not in self._hops:
            if target.host in chain:
                circle = " > ".join((*chain, target.host))
                raise InventoryError(f"{via.origin}: via leads in a circle: {circle}")
            variables = self._target_variables(target, via.origin)
            hop, _ = self._endpoint(target.host, variables, (*chain, target.host))
            self._hops[target] = (*hop.via, replace(hop, via=()))
        return self._hops[target]

    def _bare_hop(self, target: Target) -> Endpoint:
        """A hop reached through the one before it, whatever its own settings say."""
        none = {"via": Given("none", "via")}
        login = _Login(self, target.host, {**self._target_variables(target, "via"), **none})
        return login.endpoint(())

    def _target_variables(self, target: Target, origin: str) -> dict[str, Given]:
        known = self._hosts.get(target.host)
        variables = dict(known.variables) if known is not None else {}
        if target.user is not None:
            variables["user"] = Given(target.user, origin)
        if target.port is not None:
            variables["port"] = Given(target.port, origin)
        return variables

    def ask(self, name: str, variables: Variables) -> Answer:
        """What ssh_config adds to what the inventory says of `name`."""
        given = {key: variables[key] for key in ("user", "port") if key in variables}
        if (address := variables.get("address")) is not None:
            literal = str(address.value).replace("%", "%%")  # ssh_config would read tokens in it
            given["hostname"] = Given(literal, address.origin)
        return self._config.lookup(name, given)

    def names(self, login: _Login) -> Names:
        """What tokens stand for in the values for `login`."""
        jump = login.answer.values.get("proxyjump")
        alias = login.answer.values.get("hostkeyalias")
        return Names(
            given=login.name,
            address=login.address,
            port=login.port,
            user=login.user,
            host_key_alias=None if alias is None else str(alias.value),
            jump="" if jump is None else str(jump.value),
            local_user=self._config.local_user,
            local_host=self._local_host,
            user_id=os.getuid(),
            home=self._home,
        )

    def default_user(self) -> Given:
        """Who runs this program."""
        return Given(self._config.local_user, _DEFAULT_ORIGIN)

    def path(self, given: Given, tokens: Mapping[str, str]) -> str:
        """The absolute path a value of ssh_config means; raises InventoryError."""
        try:
            return expand_path(str(given.value), tokens, self._home, os.environ)
        except ValueError as error:
            raise InventoryError(f"{given.origin}: {error}") from error


def _lower(address: str) -> str:
    """Names in lower case, as ssh has them; IPv6 addresses as they are."""
    return address if ":" in address else address.lower()


class _Login:
    """One endpoint in the making: what was said of it, and the origin of each field."""

    def __init__(self, endpoints: Endpoints, name: str, variables: Variables) -> None:
        self.name = name
        self.variables = variables
        self.origins: Origins = {}
        self._endpoints = endpoints
        self.answer = endpoints.ask(name, variables)
        values = self.answer.values
        self.port = cast("int", self._note("port", values.get("port"), DEFAULT_PORT))
        user = values.get("user") or endpoints.default_user()
        self.user = str(self._note("user", user, ""))
        self.address = self._address(values.get("hostname"))
        self._tokens: dict[str, str] | None = None

    def endpoint(self, hops: Hops) -> Endpoint:
        """The finished endpoint, reached through `hops`."""
        values = self.answer.values
        alias = values.get("hostkeyalias")
        if alias is not None:
            self._note("host_key_alias", alias, None)
        return Endpoint(
            name=self.name,
            address=self.address,
            port=self.port,
            user=self.user,
            identity_files=self._identity_files(),
            identities_only=bool(
                self._note("identities_only", values.get("identitiesonly"), False)
            ),
            host_key_alias=None if alias is None else str(alias.value).lower(),
            known_hosts_files=self._known_hosts(),
            proxy_command=None if hops else self._proxy_command(),
            via=hops,
        )

    def via(self) -> Given | None:
        """The bastions to pass, as text; None where there are none. Inventory beats ssh_config."""
        via = self.variables.get("via")
        if via is None and (jump := self.answer.values.get("proxyjump")) is not None:
            via = Given(self._expanded(jump), jump.origin)
            try:
                parse_via(str(via.value))
            except ValueError as error:
                raise InventoryError(f"{jump.origin}: ProxyJump: {error}") from error
        self._note("via", via, None)
        return via

    def _note(self, name: str, given: Given | None, default: object) -> object:
        """The value, with its origin noted."""
        self.origins[name] = _DEFAULT_ORIGIN if given is None else given.origin
        return default if given is None else given.value

    def _address(self, hostname: Given | None) -> str:
        self._note("address", hostname, None)
        if hostname is None:
            return _lower(self.name)
        try:
            address = expand_tokens(str(hostname.value), {"%": "%", "h": self.name})
        except ValueError as error:
            raise InventoryError(f"{hostname.origin}: HostName: {error}") from error
        return _lower(address)

    def tokens(self) -> Mapping[str, str]:
        """Letter -> what it stands for; made when first needed."""
        if self._tokens is None:
            self._tokens = self._endpoints.names(self).tokens()
        return self._tokens

    def _expanded(self, given: Given) -> str:
        try:
            return expand_tokens(str(given.value), self.tokens())
        except ValueError as error:
            raise InventoryError(f"{given.origin}: {error}") from error

    def _identity_files(self) -> tuple[str, ...]:
        own = self.variables.get("identity_file")
        if own is not None:
            return cast("tuple[str, ...]", self._note("identity_file", own, ()))
        files = [g for g in self.answer.identity_files if str(g.value).lower() != "none"]
        self._note("identity_file", files[0] if files else None, ())
        return tuple(self._endpoints.path(given, self.tokens()) for given in files)

    def _known_hosts(self) -> tuple[str, ...]:
        own = self.variables.get("known_hosts")
        if own is not None:
            return cast("tuple[str, ...]", self._note("known_hosts", own, ()))
        user = self.answer.values.get("userknownhostsfile")
        system = self.answer.values.get("globalknownhostsfile")
        self._note("known_hosts", user or system, ())
        if user is None and system is None:
            return ()
        files = (*self._files(user, _USER_KNOWN_HOSTS), *self._files(system, _GLOBAL_KNOWN_HOSTS))
        return files or (os.devnull,)  # `none` for both: no key is known

    def _files(self, given: Given | None, default: tuple[str, ...]) -> Iterator[str]:
        listed = Given(default, _DEFAULT_ORIGIN) if given is None else given
        for text in cast("tuple[str, ...]", listed.value):
            if text.lower() != "none":
                yield self._endpoints.path(Given(text, listed.origin), self.tokens())

    def _proxy_command(self) -> str | None:
        command = self.answer.values.get("proxycommand")
        if "via" in self.variables or command is None or str(command.value).lower() == "none":
            return None
        self._note("proxy_command", command, None)
        return self._expanded(command)
