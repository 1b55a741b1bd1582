"""The front of two objectives: what is beaten in both is not on it, and the present values may be."""

from kerntune.model.measurement import Measurement, Metric, Pair, Sample
from kerntune.model.plan import Direction, Objective, Pick, Plan, WorkloadChoice
from kerntune.model.trial import Comparison, Failure, FailureKind, Stage, Trial
from kerntune.report.pareto import front, front_lines

PLAN = Plan(
    goal="fast",
    workload=WorkloadChoice("http"),
    objective=Objective("requests", Direction.MAXIMIZE),
    picks=(Pick("k", "", ""),),
    also=(Objective("p99_latency", Direction.MINIMIZE),),
)


def sample(requests: float, latency: float) -> Sample:
    return Sample(
        (
            Metric("requests", requests, "1/s", Direction.MAXIMIZE),
            Metric("p99_latency", latency, "ms", Direction.MINIMIZE),
        ),
        1.0,
    )


def trial(number: int, k: int, requests: float, latency: float, pairs: int = 1) -> Trial:
    comparison = Comparison(Stage.SEARCH, {"k": k, "same": 1}, {"k": 0, "same": 1}, "test")
    pair = Pair(sample(100, 10), sample(requests, latency))
    return Trial(number, comparison, Measurement((pair,) * pairs))


def test_what_is_beaten_in_everything_is_not_on_the_front():
    """Faster with worse latency, slower with better, and one that is worse than another in both."""
    trials = [trial(1, 1, 130, 12), trial(2, 2, 90, 8), trial(3, 3, 120, 13)]

    assert [point.trial for point in front(trials, PLAN)] == [1, 0, 2]


def test_the_present_values_go_when_something_is_better_in_all():
    """Then there is no reason to stay."""
    assert [point.trial for point in front([trial(1, 1, 110, 9)], PLAN)] == [1]


def test_failures_and_values_without_a_ratio_are_left_out_and_more_pairs_count():
    """A config tried twice stands there once, by the longer look."""
    failed = Trial(
        1, trial(1, 1, 1, 1).comparison, Measurement(), failure=Failure(FailureKind.EXIT, "exit status 1")
    )
    trials = [failed, trial(2, 2, 0, 1), trial(3, 3, 150, 9), trial(4, 3, 120, 9, pairs=3)]

    assert [(point.trial, point.pairs) for point in front(trials, PLAN)] == [(4, 3)]


def test_the_front_in_words():
    """Gains by metric, n and what was changed; plans with one objective have no front."""
    lines = list(front_lines([trial(7, 1, 130, 12)], PLAN))

    assert lines[0].startswith("Trade-offs of requests and p99_latency")
    assert lines[1] == "  #7       requests +30.0 %, p99_latency -16.7 %  n=1  k=1"
    assert lines[2] == "  as it is requests +0.0 %, p99_latency +0.0 %  n=0"
    assert (
        list(front_lines([trial(7, 1, 130, 12)], Plan("x", PLAN.workload, PLAN.objective, PLAN.picks))) == []
    )
