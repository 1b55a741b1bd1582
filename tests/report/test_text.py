"""Reports in words: percentages, verdicts, trials, and the lines that would set a config."""

import math

import pytest

from kerntune.model.measurement import Measurement, Metric, Pair, Sample
from kerntune.model.plan import Direction, Objective, Pick, Plan, WorkloadChoice
from kerntune.model.trial import Comparison, Ending, Failure, FailureKind, Result, Stage, Trial, TrialDone
from kerntune.model.verdict import Noise, Outcome, Verdict
from kerntune.report import text

PLAN = Plan(
    goal="fast uploads",
    workload=WorkloadChoice("wan_transfer"),
    objective=Objective("throughput", Direction.MAXIMIZE),
    picks=(Pick("net.ipv4.tcp_wmem:max", "fills the path", "Documentation/networking/ip-sysctl.rst"),),
)
PRESENT = {
    "net.ipv4.tcp_wmem:min": 4096,
    "net.ipv4.tcp_wmem:default": 16384,
    "net.ipv4.tcp_wmem:max": 4194304,
    "net.ipv4.tcp_tw_reuse": 2,
}
BETTER = Verdict(Outcome.BETTER, 2.21, 2.15, 2.28, 6)


def result(verdict: Verdict, **minimal: int) -> Result:
    config = {name.replace("__", "."): value for name, value in minimal.items()}
    return Result(
        ending=Ending.DONE,
        verdict=verdict,
        best_config={"net.ipv4.tcp_wmem:max": 67108864, "net.ipv4.tcp_tw_reuse": 1},
        minimal_config=config or {"net.ipv4.tcp_wmem:max": 67108864},
        baseline=241.2,
        best=775.0,
        noise=Noise(0.01, 0.02, 0.015, 3),
        trials=12,
        failures=1,
        benchmark_s=150.0,
        wall_s=160.0,
    )


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.032, "+3.2 %"), (-0.5, "-50.0 %"), (2.214, "+221 %"), (0.0, "+0.0 %"), (math.inf, "?")],
)
def test_percent_gives_the_digits_a_fraction_deserves(fraction: float, expected: str):
    """Small gains keep a digit, large ones do not pretend to it."""
    assert text.percent(fraction) == expected


def test_a_verdict_is_one_sentence_with_values_interval_and_n():
    """Everything a sceptic asks for first."""
    sentence = text.verdict_sentence(result(BETTER), PLAN, "Mbit/s")

    for part in (
        "Better",
        "241.2 → 775 Mbit/s",
        "+221 % [+215 %, +228 %]",
        "95 %",
        "6 fresh interleaved pairs",
    ):
        assert part in sentence


def test_an_unmeasured_verdict_gives_its_reason_and_no_numbers():
    """Nothing measured is said as such, never as 0 %."""
    verdict = Verdict(Outcome.UNDECIDED, 0, 0, 0, 0, 0, "no config looked better than the present values")

    assert text.verdict_sentence(result(verdict), PLAN) == (
        "Undecided: no config looked better than the present values."
    )


def test_the_summary_names_the_knobs_that_matter_with_both_values():
    """And says how many of the best config's knobs made no difference."""
    lines = list(text.summary_lines(result(BETTER), PLAN, PRESENT, "Mbit/s"))

    assert "  net.ipv4.tcp_wmem:max: 4194304 → 67108864" in lines
    assert any("1 more of the best config's knobs was dropped" in line for line in lines)
    assert any("smallest gain this budget can show: 1.5 %" in line for line in lines)


def test_a_trial_line_shows_what_differs():
    """Only the difference between the two configs, not all their knobs."""
    sample = Sample((Metric("throughput", 1.0, "Mbit/s", Direction.MAXIMIZE),), 3.0)
    comparison = Comparison(Stage.SEARCH, {**PRESENT, "net.ipv4.tcp_tw_reuse": 1}, PRESENT, "hint 1")
    trial = Trial(4, comparison, Measurement((Pair(sample, sample),)), BETTER)

    line = text.event_line(TrialDone(trial))

    assert line is not None
    assert "hint 1" in line
    assert "n=1" in line
    assert "net.ipv4.tcp_tw_reuse=1" in line
    assert "tcp_wmem" not in line


def test_a_failed_trial_says_why_and_gives_no_number():
    """A failure is never a number."""
    comparison = Comparison(Stage.SEARCH, PRESENT, PRESENT, "tpe 5")
    failure = Failure(FailureKind.TIMEOUT, "did not end within 9 s")
    trial = Trial(5, comparison, Measurement(), None, failure)

    line = text.trial_line(trial)

    assert "failed (timeout): did not end within 9 s" in line
    assert "%" not in line
