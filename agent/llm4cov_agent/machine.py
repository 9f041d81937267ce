"""Whether the machine has time for what nobody waits for: its battery and its load. Knows no job."""

from __future__ import annotations

import psutil


def reason_to_wait(*, on_battery: bool, max_load: float) -> str | None:
    """Say in a few words why background work should wait; None if it need not.

    `on_battery` lets it run without mains. `max_load` is the load average over a minute for each processor from which on it waits;
    0 never does. What the system does not tell keeps nothing from running.
    """
    if not on_battery and _without_mains():
        return "on battery"
    if max_load > 0 and (load := load_per_processor()) > max_load:
        return f"the machine is busy: its load is {load:.1f} for each processor"
    return None


def load_per_processor() -> float:
    """Give the load average over a minute, divided by the number of processors."""
    return float(psutil.getloadavg()[0]) / (psutil.cpu_count() or 1)


def _without_mains() -> bool:
    # Not every system that psutil runs on has this.
    ask = getattr(psutil, "sensors_battery", None)
    try:
        battery = ask() if ask is not None else None
    except (OSError, RuntimeError, ValueError):
        return False
    return battery is not None and battery.power_plugged is False
