"""Every reader of a program's format against what that program really printed."""

from pathlib import Path

import pytest

from kerntune.errors import MetricError
from kerntune.readers import READERS, choose, known_metrics

HERE = Path(__file__).parent / "printed"

FIGURES = [
    ("pgbench", "pgbench-select.txt", "tps", 29990.196265),
    ("pgbench", "pgbench-select.txt", "latency_average", 0.067),
    ("pgbench", "pgbench-select.txt", "initial_connection_time", 4.476),
    ("pgbench", "pgbench-select.txt", "failed", 0),
    ("pgbench", "pgbench-progress.txt", "tps", 2165.065472),
    ("pgbench", "pgbench-progress.txt", "latency_stddev", 0.265),
    ("pgbench", "pgbench-C.txt", "tps", 199.360054),
    ("pgbench", "pgbench-r.txt", "transactions", 400),
    ("pgbench", "pgbench-rate.txt", "latency_average", 0.937),
    ("ab", "ab.txt", "requests_per_second", 19042.0),
    ("ab", "ab.txt", "time_per_request", 0.42),
    ("ab", "ab.txt", "p99", 1),
    ("ab", "ab.txt", "p100", 1),
    ("ab", "ab.txt", "non_2xx", 0),
    ("ab", "ab-non2xx.txt", "non_2xx", 500),
    ("ab", "ab-k.txt", "transfer_rate", 50293.5),
    ("ab", "ab-k.txt", "complete_requests", 500),
    ("ab", "ab-k.txt", "failed_requests", 0),
    ("wrk", "wrk.txt", "requests_per_second", 59254.91),
    ("wrk", "wrk.txt", "transfer_rate", 70.02),
    ("wrk", "wrk.txt", "latency_average", 0.15883),
    ("wrk", "wrk.txt", "latency_max", 4.3),
    ("wrk", "wrk.txt", "requests", 65182),
    ("wrk", "wrk.txt", "timeout_errors", 0),
    ("wrk", "wrk-latency.txt", "p99", 0.262),
    ("wrk", "wrk-latency.txt", "p50", 0.113),
    ("wrk", "wrk-non2xx.txt", "non_2xx", 14683),
    ("sysbench", "sysbench-cpu.txt", "events_per_second", 4503.10),
    ("sysbench", "sysbench-cpu.txt", "p95", 0.24),
    ("sysbench", "sysbench-cpu.txt", "total_events", 4507),
    ("sysbench", "sysbench-memory.txt", "throughput", 7025.85),
    ("sysbench", "sysbench-memory.txt", "operations_per_second", 7194468.10),
    ("sysbench", "sysbench-fileio.txt", "reads_per_second", 57885.51),
    ("sysbench", "sysbench-fileio.txt", "fsyncs_per_second", 3862.03),
    ("sysbench", "sysbench-fileio.txt", "read_throughput", 904.46),
    ("sysbench", "sysbench-fileio.txt", "write_throughput", 602.97),
    ("sysbench", "sysbench-oltp.txt", "transactions_per_second", 644.03),
    ("sysbench", "sysbench-oltp.txt", "queries_per_second", 12880.65),
    ("sysbench", "sysbench-oltp.txt", "errors_per_second", 0),
    ("sysbench", "sysbench-oltp.txt", "latency_max", 6.25),
    ("sysbench", "sysbench-threads.txt", "latency_average", 0.49),
    ("redis-benchmark", "redis-benchmark.csv", "GET.requests_per_second", 89285.71),
    ("redis-benchmark", "redis-benchmark.csv", "SET.p99", 0.391),
    ("redis-benchmark", "redis-benchmark.txt", "SET.requests_per_second", 58997.05),
    ("redis-benchmark", "redis-benchmark.txt", "SET.latency_average", 0.556),
    ("redis-benchmark", "redis-benchmark.txt", "SET.latency_max", 3.543),
    ("redis-benchmark", "redis-benchmark-q.txt", "GET.requests_per_second", 90090.09),
    ("redis-benchmark", "redis-benchmark-q.txt", "SET.p50", 0.279),
    ("redis-benchmark", "redis-benchmark-q-one.txt", "requests_per_second", 90909.09),
    ("fio", "fio-libaio.json", "read.total_p99", 181.248),
    ("fio", "fio-libaio.json", "read.p99", 3.984),
    ("fio", "fio-read.json", "read.iops", 18205.794206),
    ("fio", "fio-read.json", "read.bandwidth", 74.570933),
    ("fio", "fio-read.json", "read.latency_average", 53.772478709),
    ("fio", "fio-read.json", "read.p99", 114.176),
    ("fio", "fio-read.json", "r.read.p99_9", 246.784),
    ("fio", "fio-rw.json", "write.iops", 16346.307385),
    ("fio", "fio-read.terse", "read.iops", 20876),
    ("fio", "fio-read.terse", "read.bandwidth", 83504 * 1.024e-3),
    ("fio", "fio-read.terse", "read.latency_average", 46.903017),
    ("fio", "fio-read.terse", "read.p99", 71),
    ("fio", "fio-rw.terse", "write.iops", 16094),
    ("fio", "fio-rw.terse", "write.latency_average", 3.540352),
    ("fio", "fio-rw.terse", "rw.write.p99_9", 31),
    ("fio", "fio-read.txt", "read.iops", 19800),
    ("fio", "fio-read.txt", "read.latency_average", 49.55),
    ("fio", "fio-rw.txt", "read.p50", 49),
    ("fio", "fio-rw.txt", "write.p99", 14.272),
    ("fio", "fio-rw.txt", "write.bandwidth", 67.9),
    ("stress-ng", "stress-ng.txt", "operations_per_second", 52538.17),
    ("stress-ng", "stress-ng.txt", "pipe.operations_per_cpu_second", 159956.95),
    ("stress-ng", "stress-ng.txt", "operations", 53655),
    ("stress-ng", "stress-ng.txt", "total_time", 1.02),
    ("stress-ng", "stress-ng-two.txt", "get.operations_per_second", 601.79),
    ("perf-bench", "perf-pipe.txt", "operations_per_second", 8738),
    ("perf-bench", "perf-pipe.txt", "latency_average", 114.4361),
    ("perf-bench", "perf-messaging.txt", "total_time", 2.855),
    ("perf-bench", "perf-futex.txt", "operations_per_second", 751104),
    ("perf-bench", "perf-memcpy.txt", "throughput", 77.936609),
    ("hackbench", "hackbench.txt", "time", 2.4),
]


@pytest.mark.parametrize(("reader", "file", "name", "value"), FIGURES)
def test_a_figure_is_read_from_real_output(reader, file, name, value):
    """As the program printed it, in the unit the format defines."""
    text = (HERE / file).read_text()

    assert choose(READERS[reader](text, name), name) == pytest.approx(value, rel=1e-9)


def test_every_metric_a_format_defines_was_seen_in_real_output():
    """A pattern nobody printed for could be wrong for ever. Exceptions are metrics of the same shape."""
    seen = {
        (reader, name.rpartition(".")[2] if reader in {"redis-benchmark", "stress-ng"} else name)
        for reader, _, name, _ in FIGURES
    }
    same_shape = {"p66", "p75", "p80", "p90", "p95", "p98", "p50", "p99", "connect_errors", "read_errors"}
    same_shape |= {"write_errors", "latency_min", "latency_max", "total_time", "writes_per_second"}

    for reader in READERS:
        for name in known_metrics(reader):
            bare = name.rpartition(".")[2] if reader == "fio" else name
            assert (reader, name) in seen or bare in same_shape or reader == "fio", (reader, name)


@pytest.mark.parametrize(
    ("reader", "file", "name"),
    [
        ("ab", "ab-refused.txt", "requests_per_second"),
        ("ab", "ab-refused.txt", "non_2xx"),
        ("wrk", "wrk-refused.txt", "timeout_errors"),
        ("wrk", "wrk.txt", "p99"),
        ("pgbench", "pgbench-select.txt", "latency_stddev"),
        ("sysbench", "sysbench-threads.txt", "events_per_second"),
        ("fio", "fio-read.json", "write.iops"),
        ("fio", "fio-read.terse", "write.iops"),
        ("fio", "fio-read.txt", "write.iops"),
        ("fio", "fio-read.json", "other.read.iops"),
        ("redis-benchmark", "redis-benchmark.csv", "MSET.p99"),
        ("redis-benchmark", "redis-benchmark-q.txt", "GET.p99"),
        ("stress-ng", "stress-ng.txt", "get.operations_per_second"),
        ("stress-ng", "hackbench.txt", "operations_per_second"),
        ("perf-bench", "perf-messaging.txt", "operations_per_second"),
        ("hackbench", "perf-messaging.txt", "time"),
    ],
)
def test_what_was_not_printed_is_missing(reader, file, name):
    """A report that never came to its end has no errors to count, either."""
    text = (HERE / file).read_text()

    with pytest.raises(MetricError, match="missing"):
        choose(READERS[reader](text, name), name)


def test_a_report_cut_off_before_its_end_is_not_read():
    """Half a report of sysbench has a rate already."""
    text = (HERE / "sysbench-cpu.txt").read_text().partition("Threads fairness")[0]

    assert not READERS["sysbench"](text, "events_per_second")


def test_one_of_several_redis_tests_must_be_named():
    """Two tests happen to be equally fast in one run and not in the next."""
    with pytest.raises(MetricError, match=r"2 tests: GET, SET") as caught:
        READERS["redis-benchmark"]((HERE / "redis-benchmark.csv").read_text(), "p50")

    assert "GET.p50" in caught.value.hint


def test_redis_before_6_2_printed_a_csv_without_a_header():
    """The second column is the rate."""
    found = READERS["redis-benchmark"](
        '"GET","90000.00"\n"MSET (10 keys)","100.5"\n', "MSET (10 keys).requests_per_second"
    )

    assert found == ["100.5"]


def test_pgbench_before_14_printed_two_rates():
    """The one without the time to connect is the one newer versions print."""
    text = (
        "tps = 85.18 (including connections establishing)\ntps = 85.30 (excluding connections establishing)\n"
    )

    assert READERS["pgbench"](text, "tps") == ["85.30"]


def test_one_of_several_stressors_must_be_named():
    """Their operations are not of one kind."""
    with pytest.raises(MetricError, match=r"2 stressors: get, pipe") as caught:
        READERS["stress-ng"]((HERE / "stress-ng-two.txt").read_text(), "operations_per_second")

    assert "get.operations_per_second" in caught.value.hint


def test_stress_ng_that_did_not_succeed_is_not_read():
    """Its table is printed all the same."""
    text = (HERE / "stress-ng.txt").read_text().replace("successful run completed", "unsuccessful run")

    assert not READERS["stress-ng"](text, "operations_per_second")


def test_one_of_several_fio_jobs_must_be_named():
    """Their sum would be a guess: fio itself adds them up when told to."""
    job = (HERE / "fio-read.terse").read_text()

    with pytest.raises(MetricError, match="2 jobs: r, two"):
        READERS["fio"](job + job.replace(";r;", ";two;"), "read.iops")


def test_notes_before_fio_json_are_skipped():
    """Fio prints them on standard output, too."""
    text = (
        "fio: this platform does not support process shared mutexes\n" + (HERE / "fio-read.json").read_text()
    )

    assert choose(READERS["fio"](text, "read.iops"), "read.iops") == pytest.approx(18205.794206)


def test_wrk_errors_are_counted_by_kind():
    """The line stands only where there were some."""
    text = (HERE / "wrk.txt").read_text()
    text = text.replace(
        "Requests/sec", "  Socket errors: connect 1, read 2, write 3, timeout 4\nRequests/sec"
    )

    assert [READERS["wrk"](text, f"{kind}_errors") for kind in ("connect", "read", "write", "timeout")] == [
        ["1"],
        ["2"],
        ["3"],
        ["4"],
    ]


def test_wrk_prints_a_space_after_seconds():
    """Whole seconds have a unit of one letter, and wrk fills it up: `1.01s ` before the line ends."""
    printed = "  Latency Distribution\n     50%   11.00ms\n     99%    1.01s \nRequests/sec:  40.00\n"

    assert [float(found) for found in READERS["wrk"](printed, "p99")] == [1010.0]
