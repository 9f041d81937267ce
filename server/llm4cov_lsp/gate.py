"""Lets a job that sends a design to another machine pass once the user has consented to that server. Opens no connection.

Every job goes through it, and the worker checks again what it let pass. A server on this machine needs no consent.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from llm4cov_agent import config
from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.loop.policies.address import Address, read_address
from llm4cov_lsp.consents import Consents
from llm4cov_lsp.lane import JobFailed
from llm4cov_lsp.wire import Request

ALLOW, ALWAYS, NOT_NOW = "Allow", "Always for this host", "Not now"


class NotAllowed(JobFailed):
    """A job was not begun, as it would have sent what it may not."""


class Gate:
    """Asks the user of one connection."""

    def __init__(self, server: LanguageServer, consents: Consents) -> None:
        self._server, self.consents = server, consents
        self._asking = asyncio.Lock()

    async def passed(self, request: Request, *, trusted: bool, asks: bool) -> Request:
        """Give the request with the server that it may send to, asking if need be. Raises NotAllowed with the reason for a person."""
        if not request.sends or not request.model.endpoint:
            return request
        if not trusted:
            raise NotAllowed("the workspace is not trusted: nothing is sent.")
        try:
            address = read_address(request.model.endpoint)
        except BadConfiguration as error:
            raise NotAllowed(str(error)) from None
        if address.is_loopback:
            return request
        # Two jobs at once ask once.
        async with self._asking:
            if not self.consents.allows(address, request.model.allowed_hosts):
                await self._ask(address, request, asks=asks)
        return replace(request, consented=address.origin)

    async def _ask(self, address: Address, request: Request, *, asks: bool) -> None:
        how = f'To allow it, add "{address.origin}" to `llm4cov.model.allowedHosts` in your editor\'s settings.'
        if not asks:
            raise NotAllowed(f"nothing was sent to {address.origin}, as you have not allowed it; what you ask for yourself asks you. {how}")
        can = self._server.client_capabilities.window
        if can is None or can.show_message is None:
            raise NotAllowed(f"nothing was sent to {address.origin}: this editor can't be asked for your consent. {how}")
        has_key = bool(config.secret(request.model.key_variable)) if request.model.key_variable else False
        key = f" The key in {request.model.key_variable} goes with them." if has_key else ""
        plain = " The connection is not encrypted." if address.origin.startswith("http:") else ""
        sent = f"Generating for {request.top} sends its source code and its testbench to {address.origin}"
        text = f"{sent} (llm4cov.model.endpoint).{key}{plain}"
        actions = [types.MessageActionItem(title) for title in (ALLOW, ALWAYS, NOT_NOW)]
        params = types.ShowMessageRequestParams(types.MessageType.Warning, text, actions)
        try:
            answer = await self._server.window_show_message_request_async(params)
        except JsonRpcException as error:
            raise NotAllowed(
                f"nothing was sent to {address.origin}: this editor did not ask for your consent ({error.message}). {how}"
            ) from None
        chosen = answer.title if answer is not None else NOT_NOW
        if chosen == ALLOW:
            self.consents.allow(address)
        elif chosen == ALWAYS:
            problem = self.consents.remember(address)
            if problem is not None:
                self._server.window_show_message(
                    types.ShowMessageParams(types.MessageType.Warning, f"Your consent holds until the server ends: {problem}.")
                )
        else:
            raise NotAllowed(f"nothing was sent to {address.origin}, as you did not allow it.")
