"""Who may be sent a design, what is remembered of it, and what a bar says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.loop.generate import PolicyName
from llm4cov_agent.loop.planning import ModelOptions
from llm4cov_agent.loop.policies.address import read_address
from llm4cov_agent.loop.policies.endpoint import GrammarMode
from llm4cov_agent.loop.policy import ReplyFormat
from llm4cov_lsp.consents import Consents
from llm4cov_lsp.model_settings import budget_key, model_request
from llm4cov_lsp.planned import plan_of
from llm4cov_lsp.progress import Shown, took
from llm4cov_lsp.settings import DEFAULTS, TABLE, read_settings
from llm4cov_lsp.wire import Event, EventKind, ModelRequest, Request, RequestKind

REMOTE = "https://models.example.invalid/v1"


@pytest.mark.parametrize(
    ("url", "origin", "is_here"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000", True),
        ("http://127.3.2.1", "http://127.3.2.1", True),
        ("http://[::1]:8080/v1", "http://[::1]:8080", True),
        ("HTTPS://API.Example.COM:443/v1/", "https://api.example.com", False),
        ("https://api.example.com:8443", "https://api.example.com:8443", False),
        ("http://localhost.example.com", "http://localhost.example.com", False),
        ("http://0.0.0.0:1/v1", "http://0.0.0.0:1", False),
        ("http://127.1:8000", "http://127.1:8000", False),
    ],
)
def test_an_address_names_who_gets_what_is_sent(url: str, origin: str, is_here: bool) -> None:
    address = read_address(url)
    assert (address.origin, address.is_loopback) == (origin, is_here)


def test_an_address_with_a_password_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="user name or a password"):
        read_address("https://me:secret@example.com/v1")


def test_a_consent_is_to_one_scheme_and_port_until_it_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "consents.json"
    consents, other = Consents(path), Consents(path)
    there = read_address(REMOTE)
    assert not consents.allows(there)
    assert consents.remember(there) is None
    assert other.allows(there) and path.stat().st_mode & 0o077 == 0
    for changed in (REMOTE.replace("https", "http"), REMOTE.replace("/v1", ":444/v1")):
        assert not other.allows(read_address(changed))
    assert other.forget("models.example.invalid") == ("https://models.example.invalid",)
    assert not consents.allows(there) and consents.remembered() == ()


def test_a_consent_for_now_is_in_no_file_and_named_hosts_count(tmp_path: Path) -> None:
    consents, there = Consents(tmp_path / "c.json"), read_address(REMOTE)
    consents.allow(there)
    assert consents.allows(there) and not (tmp_path / "c.json").exists()
    assert consents.forget(there.origin) == (there.origin,) and not consents.allows(there)
    assert consents.allows(there, ["Models.Example.Invalid"]) and consents.allows(there, [there.origin + "/"])
    assert not consents.allows(there, ["example.invalid", ""])


@pytest.mark.parametrize("text", ["", "[]", '{"origins": 3}', '{"origins": [3]}', "{"])
def test_a_file_that_can_not_be_read_consents_to_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    assert not Consents(tmp_path / "c.json").allows(read_address(REMOTE))


def test_no_project_file_sets_what_is_about_secrets_or_consent() -> None:
    project = {"model": {"keyVariable": "AWS_SECRET_ACCESS_KEY", "allowedHosts": ["models.example.invalid"], "endpoint": REMOTE}}
    settings, problems = read_settings(None, project, trusted=True)
    assert settings.text("model.keyVariable") == "LLM4COV_API_KEY" and settings.texts("model.allowedHosts") == ()
    assert settings.text("model.endpoint") == REMOTE
    assert len(problems) == 2 and all("only your editor's own settings" in one for one in problems)
    assert {one.key for one in TABLE if one.personal} == {"model.keyVariable", "model.allowedHosts"}


def test_the_worker_makes_no_plan_that_sends_without_consent() -> None:
    asked = ModelRequest(model="m", endpoint=REMOTE)
    request = Request(kind=RequestKind.GENERATE, file="/x.sv", top="x", policy="endpoint", model=asked)
    plan, problems = plan_of(request)
    assert plan is None and "there is no consent to it" in str(problems[0])
    for consented in ("http://models.example.invalid", "https://models.example.invalid:444"):
        assert plan_of(Request(kind=request.kind, file="/x.sv", top="x", policy="endpoint", model=asked, consented=consented))[0] is None
    allowed = Request(kind=request.kind, file="/x.sv", top="x", policy="endpoint", model=asked, consented="https://models.example.invalid")
    plan, problems = plan_of(allowed)
    assert plan is not None and not problems and plan.backend.url == REMOTE


def test_settings_by_default_make_the_plan_of_the_command_line() -> None:
    for policy in ("closure", "llama", "transformers"):
        client = {"generate": {"policy": policy}}
        settings, _ = read_settings(client, None, trusted=True)
        request = Request(
            kind=RequestKind.GENERATE,
            file="/x.sv",
            top="x",
            policy=policy,
            model=model_request(settings, Path("/project")),
            budget_s=settings.number(budget_key(settings)),
        )
        plan, problems = plan_of(request)
        name = PolicyName(policy)
        assert plan is not None and not problems
        own = ModelOptions().plan(
            name,
            plan.language,
            seed=1,
            budget_s=300 if name.is_model else 60,
            limits=SimulationLimits(),
            rounds=3 if name.is_model else None,
        )
        assert plan == own


def test_the_choices_are_the_words_of_the_agent() -> None:
    choices = {one.key: set(one.choices) for one in TABLE}
    assert choices["generate.policy"] == {one.value for one in PolicyName}
    assert choices["model.format"] == {one.value for one in ReplyFormat}
    assert choices["model.serverGrammar"] == {one.value for one in GrammarMode}
    assert budget_key(DEFAULTS) == "generate.budgetSeconds"


def test_paths_of_models_are_the_projects() -> None:
    client = {"generate": {"finish": "llama"}, "model": {"name": "models/a.gguf", "adapter": "/b.gguf", "endpoint": REMOTE}}
    settings, _ = read_settings(client, None, trusted=True)
    asked = model_request(settings, Path("/project"))
    assert (asked.model, asked.adapter, asked.endpoint) == ("/project/models/a.gguf", "/b.gguf", "")


def test_a_bar_says_round_coverage_gain_and_seconds_left() -> None:
    shown = Shown(percentage=0)

    def hear(kind: EventKind, **fields: object) -> None:
        shown.said_at = 0.0
        took(shown, Event(job=1, kind=kind, **fields))  # type: ignore[arg-type]

    hear(EventKind.STANDING, number=1, rounds=3, left_s=60.0, budget_s=60.0)
    hear(EventKind.PROGRESS, words="llama is reading 900 tokens")
    assert re.fullmatch(r"round 1/3, (60|59) s left: llama is reading 900 tokens", shown.words)
    hear(EventKind.ROUND, number=1, overall=88.3, kept=True)
    hear(EventKind.STANDING, number=2, rounds=3, overall=88.3, left_s=50.0, budget_s=60.0)
    hear(EventKind.ROUND, number=2, overall=91.4, kept=True)
    hear(EventKind.STANDING, number=3, rounds=3, overall=91.4, left_s=40.0, budget_s=60.0)
    assert shown.words.startswith("round 3/3, 91.4 % (+3.1), 40 s left") or "39 s left" in shown.words
    assert shown.percentage in (33, 34)
    hear(EventKind.STANDING, number=3, rounds=3, overall=91.4, left_s=55.0, budget_s=60.0)
    assert shown.percentage in (33, 34), "it never goes back"


def test_a_bar_shows_at_once_what_begins_and_seldom_how_far_it_got() -> None:
    shown = Shown()
    words = (
        "translating the design",
        "compiling the model",
        "searching: 1 hit",
        "searching: 2 hit",
        "proving: 2 hit",
        "proving: 2 hit, 1 left",
    )
    events = [Event(job=1, kind=EventKind.PROGRESS, words=one) for one in words]
    assert [took(shown, one) for one in events] == [True, True, True, False, True, False]
    assert shown.words == words[-1]
