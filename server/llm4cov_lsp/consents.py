"""Which servers the user lets us send designs to: for now, or remembered in a file of the user's. Knows no LSP and asks nobody.

A server is named by scheme, host and port: consent to `https://api.example.com` is none to plain `http`, nor to another port.
No file of a workspace is read here, so none can consent for the user.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from llm4cov_agent.loop.policies.address import Address


@dataclass(slots=True)
class Consents:
    """What was consented to."""

    path: Path
    """Of the file; it is read each time, as several servers share it."""
    _for_now: set[str] = field(default_factory=set)

    def allows(self, address: Address, named: Iterable[str] = ()) -> bool:
        """Say whether a server may be sent a design; `named` are hosts or origins in the editor's own settings."""
        wanted = {address.origin, address.host}
        return address.origin in self._for_now or address.origin in self.remembered() or any(_plain(one) in wanted for one in named)

    def remembered(self) -> tuple[str, ...]:
        """List the origins in the file, sorted; a file that can't be read consents to nothing."""
        try:
            read = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ()
        origins = read.get("origins") if isinstance(read, dict) else None
        return tuple(sorted({one for one in origins if isinstance(one, str)})) if isinstance(origins, list) else ()

    def for_now(self) -> tuple[str, ...]:
        """List those that hold until this server ends, sorted."""
        return tuple(sorted(self._for_now))

    def allow(self, address: Address) -> None:
        """Allow a server until this one ends."""
        self._for_now.add(address.origin)

    def remember(self, address: Address) -> str | None:
        """Allow a server for good; gives the reason where that can't be written, and then allows it for now."""
        try:
            self._write({*self.remembered(), address.origin})
        except OSError as error:
            self.allow(address)
            return f"{self.path}: {error.strerror}"
        return None

    def forget(self, host: str) -> tuple[str, ...]:
        """Take back the consent to a host, or to one origin of it; gives what was forgotten.

        Raises OSError if the file can't be written.
        """
        wanted = _plain(host)
        gone = {one for one in (*self._for_now, *self.remembered()) if wanted in (one, _host(one))}
        self._for_now -= gone
        kept = set(self.remembered()) - gone
        if kept != set(self.remembered()):
            self._write(kept)
        return tuple(sorted(gone))

    def _write(self, origins: set[str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Made by us alone and put in place as a whole: nobody reads half a file, and no other user writes it.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"origins": sorted(origins)}, file, indent=2)
                file.write("\n")
            Path(name).replace(self.path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()


def _plain(name: str) -> str:
    return name.strip().lower().rstrip("/")


def _host(origin: str) -> str:
    rest = origin.partition("://")[2]
    return rest[1:].partition("]")[0] if rest.startswith("[") else rest.partition(":")[0]
