"""The default format of perf bench. Written against perf 6.1; figures of single threads are not read.

Its KB, MB and GB are powers of 1024 (tools/perf/bench/mem-functions.c).
"""

from kerntune.readers.formats import NUMBER, Entry, Format, less, more

_TO_MIB = {"bytes": 2**-20, "KB": 2**-10, "MB": 1.0, "GB": 2.0**10, "TB": 2.0**20}

PERF_BENCH = Format(
    {
        "operations_per_second": Entry(
            more("1/s"), rf"^(?: +|Averaged ){NUMBER} (?:ops|operations)/sec(?:$| \(\+-)"
        ),
        "latency_average": Entry(less("us"), rf"^ +{NUMBER} usecs/op$"),
        "total_time": Entry(less("s"), rf"^ +Total time: {NUMBER} \[sec\]$"),
        "throughput": Entry(more("MiB/s"), rf"^ +{NUMBER} (bytes|KB|MB|GB|TB)/sec$", _TO_MIB),
    },
    whole=r"^# Running '",
)
