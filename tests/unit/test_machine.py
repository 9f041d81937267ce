"""When background work waits."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from llm4cov_agent.machine import reason_to_wait


@pytest.mark.parametrize(
    ("plugged", "allowed", "why"),
    [(False, False, "on battery"), (False, True, None), (True, False, None), (None, False, None), ("no battery", False, None)],
)
def test_on_battery_it_waits_unless_it_may(monkeypatch: pytest.MonkeyPatch, plugged: object, allowed: bool, why: str | None) -> None:
    battery = None if plugged == "no battery" else SimpleNamespace(power_plugged=plugged)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert reason_to_wait(on_battery=allowed, max_load=0) == why


def test_a_system_that_tells_nothing_keeps_nothing_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_battery", raising=False)
    assert reason_to_wait(on_battery=False, max_load=0) is None


@pytest.mark.parametrize(("load", "most", "waits"), [(8.1, 2.0, True), (7.9, 2.0, False), (100.0, 0.0, False)])
def test_a_busy_machine_is_left_alone(monkeypatch: pytest.MonkeyPatch, load: float, most: float, waits: bool) -> None:
    monkeypatch.setattr(psutil, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 4)
    assert (reason_to_wait(on_battery=True, max_load=most) is not None) is waits
