"""The address of an OpenAI-compatible server: what may stand in one, whom it names, and whether that is this machine. Opens nothing."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from llm4cov_agent.errors import BadConfiguration

_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers."""

    url: str
    """To post to."""
    host: str
    """In lower case."""
    origin: str
    """Scheme, host and port, as in `https://api.example.com` or `http://gpu.lan:8000`: who gets what is sent, and by which way."""
    is_loopback: bool
    """Whether it is this machine."""


def read_address(url: str) -> Address:
    """Read an address as a user writes it. Raises BadConfiguration."""
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise BadConfiguration(f"The endpoint's address can't be read: {error}.") from None
    if parts.username is not None or parts.password is not None:
        raise BadConfiguration("The endpoint's address holds a user name or a password. Put the key into an environment variable instead.")
    if parts.scheme not in ("http", "https") or not host:
        raise BadConfiguration(f"The endpoint's address should look like http://localhost:8000/v1, not {url!r}.")
    if parts.query or parts.fragment:
        raise BadConfiguration("The endpoint's address should end with its path, such as /v1, with no `?` or `#` after it.")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    shown = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, _USUAL_PORTS[parts.scheme]) else "")
    return Address(urlunsplit((parts.scheme, parts.netloc, f"{path}/chat/completions", "", "")), host, origin, _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
