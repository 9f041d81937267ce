"""The registry of adapters: what is live, what a crash leaves, and what learned from a design."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.loop.policies.adapters import Adapter, Adapters

BASE, OTHER = "small.Q4@0123", "large.Q8@4567"


@pytest.fixture
def kept(tmp_path: Path) -> Adapters:
    return Adapters(tmp_path / "adapters")


def add(kept: Adapters, folder: Path, name: str, *, base: str = BASE, designs: tuple[str, ...] = ("d1",), when: int = 0) -> Adapter:
    made = folder / f"made-{name}"
    made.mkdir()
    (made / "adapter.gguf").write_bytes(b"GGUF")
    adapter = kept.add(name, made, {"base": base, "designs": list(designs), "note": "Ünïcode"})
    os.utime(adapter.folder / "manifest.json", (when, when))
    assert not made.exists()
    return adapter


def test_nothing_is_live_before_something_was_promoted(kept: Adapters, tmp_path: Path) -> None:
    assert kept.all() == () and kept.live(BASE) is None and kept.roll_back(BASE) is None
    assert not kept.folder.exists()
    adapter = add(kept, tmp_path, "one")
    assert kept.live(BASE) is None and kept.all() == (adapter,)
    assert adapter.gguf.read_bytes() == b"GGUF" and adapter.manifest["note"] == "Ünïcode"


def test_what_was_live_before_comes_back(kept: Adapters, tmp_path: Path) -> None:
    one, two = add(kept, tmp_path, "one", when=1), add(kept, tmp_path, "two", when=2)
    kept.promote(one)
    kept.promote(two)
    assert (kept.live(BASE), kept.live(OTHER)) == (two, None)
    assert kept.roll_back(BASE) == ("two", "one") and kept.live(BASE) == one
    assert kept.roll_back(BASE) == ("one", None) and kept.live(BASE) is None
    assert kept.all() == (one, two)


def test_a_base_has_its_own_adapters(kept: Adapters, tmp_path: Path) -> None:
    one, two = add(kept, tmp_path, "one"), add(kept, tmp_path, "two", base=OTHER)
    kept.promote(one)
    kept.promote(two)
    assert (kept.live(BASE), kept.live(OTHER)) == (one, two) and set(kept.bases()) == {BASE, OTHER}


def test_a_removed_adapter_is_not_live(kept: Adapters, tmp_path: Path) -> None:
    one, two = add(kept, tmp_path, "one"), add(kept, tmp_path, "two", designs=("d1", "d2"))
    kept.promote(one)
    kept.promote(two)
    assert kept.learned_from({"d2"}) == (two,) and {each.id for each in kept.learned_from({"d1"})} == {"one", "two"}
    kept.remove(two)
    assert kept.live(BASE) == one and kept.learned_from({"d2"}) == ()


def test_a_folder_that_was_never_finished_is_passed_over(kept: Adapters, tmp_path: Path) -> None:
    one = add(kept, tmp_path, "one")
    (kept.folder / "half").mkdir()
    assert kept.all() == (one,)


@pytest.mark.parametrize("name", ["", "../out", "a/b", "Ü", "one"])
def test_a_name_is_new_and_plain(kept: Adapters, tmp_path: Path, name: str) -> None:
    add(kept, tmp_path, "one")
    made = tmp_path / "made"
    made.mkdir()
    with pytest.raises(ValueError, match="no name"):
        kept.add(name, made, {"base": BASE, "designs": []})


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_file_is_named(kept: Adapters, tmp_path: Path, text: str) -> None:
    adapter = add(kept, tmp_path, "one")
    (kept.folder / "live.json").write_text(text)
    with pytest.raises(BadConfiguration, match=r"live\.json"):
        kept.live(BASE)
    with pytest.raises(BadConfiguration, match=r"live\.json"):
        kept.promote(adapter)
    assert (kept.folder / "live.json").read_text() == text


def test_a_write_that_was_cut_short_leaves_the_old_state(kept: Adapters, tmp_path: Path) -> None:
    adapter = add(kept, tmp_path, "one")
    kept.promote(adapter)
    (kept.folder / "live.json.999").write_text("{")
    assert kept.live(BASE) == adapter
    assert json.loads((kept.folder / "live.json").read_text()) == {BASE: ["one"]}
