"""The main job on real TCP: the known truth is found, confirmed, and reduced to the knob that makes it."""

from dataclasses import replace
from pathlib import Path

import pytest

from kerntune.app import Settings, make_plan, tuning
from kerntune.catalog import load
from kerntune.model.plan import Budget
from kerntune.model.trial import Result, TrialDone
from kerntune.model.verdict import Outcome
from kerntune.targets.netns import open_target
from kerntune.workloads.wan_transfer import WanTransfer

LEAST_MBIT = 400
"""Twice what the default allows: a machine too busy to carry it cannot show the gain."""


def carried_mbit(journal: Path) -> float:
    """Returns what the emulated link carries at most now, whatever the sender's buffer: the best of three."""
    workload, found = WanTransfer({"duration_s": 1.2}), []
    with open_target({}, journal_dir=journal, catalog=load()) as target:
        for _ in range(3):
            with target.applied({"net.ipv4.tcp_wmem:max": 64 << 20}) as place:
                found.append(workload.run(place, workload.longest_s)[0].value)
    return max(found)


@pytest.mark.slow
def test_a_larger_send_buffer_fills_a_long_fast_path(tmp_path: Path):
    """1 Gbit/s, 80 ms: the default is bound by tcp_wmem's maximum; short runs show it well enough."""
    if (carried := carried_mbit(tmp_path / "journal")) < LEAST_MBIT:
        pytest.skip(f"too busy: the link of 1,000 Mbit/s carries {carried:.0f} now")
    plan = make_plan("bulk file transfer over a long-distance link")
    workload = replace(plan.workload, options={**plan.workload.options, "duration_s": 1.2})
    plan = replace(plan, workload=workload, budget=Budget(trials=1, time_s=120.0))

    with tuning(plan, Settings(tmp_path)) as study:
        events = list(study)

    result = events[-1]
    assert isinstance(result, Result)
    assert result.verdict.outcome is Outcome.BETTER
    assert result.verdict.low > 0.3
    assert set(result.minimal_config) == {"net.ipv4.tcp_wmem:max"}
    trials = [event.trial for event in events if isinstance(event, TrialDone)]
    telemetry = trials[0].measurement.pairs[0].candidate.telemetry
    assert telemetry["net.client.Tcp.OutSegs"] > 100
    assert 0 < telemetry["cpu.busy_share"] <= 1
