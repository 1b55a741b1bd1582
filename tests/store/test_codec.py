"""What is encoded comes back equal: every type the store holds, any text, any number."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.errors import KerntuneBug, StoreError
from kerntune.model.measurement import Measurement, Metric, Pair, Sample
from kerntune.model.plan import Budget, Direction, Guard, Hint, Objective, Pick, Plan, WorkloadChoice
from kerntune.model.trial import Comparison, Ending, Failure, FailureKind, Result, Stage, Trial, TrialDone
from kerntune.model.verdict import Noise, Outcome, Verdict
from kerntune.store import Store
from kerntune.store.codec import decode, encode

names = st.text(st.characters(exclude_categories=()), max_size=12)
numbers = st.floats(allow_nan=False)
finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.integers(-(2**63), 2**64) | names
configs = st.dictionaries(names, values, max_size=4)
options = st.dictionaries(
    names,
    st.recursive(
        st.none() | st.booleans() | st.integers() | finite | names,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)
directions = st.sampled_from(Direction)
bounds = st.none() | st.integers()
picks = st.builds(
    Pick, names, names, names, low=bounds, high=bounds, values=st.lists(values, max_size=3).map(tuple)
)
plans = st.builds(
    Plan,
    goal=names,
    workload=st.builds(WorkloadChoice, names, options),
    objective=st.builds(Objective, names, directions, finite),
    picks=st.lists(picks, max_size=3).map(tuple),
    hints=st.lists(st.builds(Hint, configs, names), max_size=2).map(tuple),
    guards=st.lists(st.builds(Guard, names, directions, finite, names), max_size=2).map(tuple),
    budget=st.builds(Budget, st.integers(), finite),
    target=names,
    target_options=options,
    optimizer=names,
    seed=st.integers(),
    planner=names,
)
counts = st.integers(0, 99)
verdicts = st.builds(Verdict, st.sampled_from(Outcome), numbers, numbers, numbers, counts, finite, names)
metrics = st.builds(Metric, names, numbers, names, directions)
samples = st.builds(
    Sample,
    st.lists(metrics, max_size=3).map(tuple),
    finite,
    finite,
    st.dictionaries(names, numbers, max_size=3),
)
pairs = st.builds(Pair, samples, samples, st.booleans())
measurements = st.builds(
    Measurement, st.lists(pairs, max_size=3).map(tuple), st.lists(samples, max_size=2).map(tuple)
)
failures = st.builds(Failure, st.sampled_from(FailureKind), names, names)
trials = st.builds(
    Trial,
    counts,
    st.builds(Comparison, st.sampled_from(Stage), configs, configs, names),
    measurements,
    st.none() | verdicts,
    st.none() | failures,
    finite,
)
results = st.builds(
    Result,
    ending=st.sampled_from(Ending),
    verdict=verdicts,
    best_config=configs,
    minimal_config=configs,
    baseline=st.none() | numbers,
    best=st.none() | numbers,
    noise=st.none() | st.builds(Noise, numbers, numbers, numbers, counts),
    trials=counts,
    failures=counts,
    benchmark_s=finite,
    wall_s=finite,
    notes=st.lists(names, max_size=2).map(tuple),
    importance=st.dictionaries(names, finite, max_size=2),
)


@given(plans | results | trials)
@settings(max_examples=120, deadline=None)
def test_encoded_values_come_back_equal(value):
    """Any plan, trial or result, with any text, infinity and huge integers."""
    text = encode(value)

    assert decode(type(value), text) == value
    assert text.isascii()
    json.loads(text, parse_constant=pytest.fail)


@given(plan=plans, done=st.lists(trials, max_size=3), end=results)
@settings(max_examples=25, deadline=None)
def test_stored_runs_come_back_equal(plan, done, end, make):
    """The same through the file: plan, trials in their order, result."""
    numbered = tuple(replace(trial, number=number) for number, trial in enumerate(done, 1))
    with TemporaryDirectory() as directory, Store.open(Path(directory) / "store.db") as store:
        run_id = store.begin(plan, make.setup)
        for trial in numbered:
            for event in make.events(trial):
                store.append(run_id, event)
        store.append(run_id, end)

        assert store.run(run_id).plan == plan
        assert store.run(run_id).setup == make.setup
        assert store.trials(run_id) == numbered
        assert store.result(run_id) == end


def test_not_a_number_stays_not_a_number():
    """NaN is unequal to itself, so it has a test of its own."""
    verdict = Verdict(Outcome.INVALID, float("nan"), float("-inf"), float("inf"), 0)

    back = decode(Verdict, encode(verdict))

    assert back.gain != back.gain
    assert (back.low, back.high) == (float("-inf"), float("inf"))


def test_damaged_text_is_a_store_error():
    """Half a JSON text, and JSON of another shape, both with a hint."""
    for text in ('{"outcome": "bet', '{"outcome": "splendid"}', "[]"):
        with pytest.raises(StoreError, match="stored Verdict") as caught:
            decode(Verdict, text)
        assert caught.value.hint


def test_what_json_cannot_say_is_a_bug_of_ours(make):
    """A set in a plan's options would not come back: it is refused, not changed."""
    plan = replace(make.plan, target_options={"hosts": {"a", "b"}})

    with pytest.raises(KerntuneBug, match="cannot store a set"):
        encode(plan)


def test_events_are_not_confused_with_their_replay(make, store):
    """A replayed trial is in the store already: appending it changes nothing."""
    run_id = store.begin(make.plan, make.setup)
    store.append(run_id, TrialDone(make.trial(1)))

    store.append(run_id, TrialDone(make.trial(1), replayed=True))

    assert store.trials(run_id) == (make.trial(1),)
