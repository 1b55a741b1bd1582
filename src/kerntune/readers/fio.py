"""The formats of fio: `--output-format=json`, `terse` (version 3) and `normal`.

Metrics are named `read.iops`, `write.p99`, … of the only job, or `JOB.read.iops`. Take JSON where you can:
the normal format rounds to three digits. `total_p99` is counted from the submission, and is in JSON alone,
with `--lat_percentiles=1`. Written against fio 3.33; the terse fields are those of fio's
HOWTO, "Terse output".
"""

import json
import re
from collections.abc import Iterator

from kerntune.errors import MetricError
from kerntune.readers.formats import NUMBER, Known, less, more
from kerntune.readers.text import Matches, at_path

_SIDES = ("read", "write", "trim")
_PERCENTILES = {
    "p50": "50.000000",
    "p90": "90.000000",
    "p95": "95.000000",
    "p99": "99.000000",
    "p99_9": "99.900000",
}
_OF_A_SIDE: dict[str, Known] = {
    "iops": more("1/s"),
    "bandwidth": more("MB/s"),
    "latency_average": less("us"),
    **{name: less("us") for name in _PERCENTILES},
    "total_p99": less("us"),
}
METRICS: dict[str, Known] = {f"{side}.{name}": known for side in _SIDES for name, known in _OF_A_SIDE.items()}

_TO_US = {"nsec": 1e-3, "usec": 1.0, "msec": 1e3, "sec": 1e6}
_THOUSANDS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_TERSE_SIDE = {"read": 5, "write": 46}
_TERSE_LENGTH = 129
_JOB = re.compile(r"^(.+?): \(groupid=\d+, jobs=\d+\): err=")
_SIDE = re.compile(r"^ +(read|write|trim): IOPS=([0-9.]+)([kMG]?), BW=\S+ \(([0-9.]+)([kMG]?)B/s\)")
_MEAN = re.compile(rf"^ +clat \((nsec|usec|msec|sec)\): .*avg= *{NUMBER},")
_SCALE = re.compile(r"^ +clat percentiles \((nsec|usec|msec|sec)\):")
_SHARE = re.compile(r"(\d+\.\d+)th=\[ *(\d+)\]")

_Found = tuple[str, str, str]  # job, metric with its side, value


def fio(text: str, name: str) -> Matches:
    """Returns every match of `side.metric` of the only job, or of `JOB.side.metric`.

    Raises:
        MetricError: the job's name was left out and there are several, or the JSON is broken.
    """
    job, _, metric = _split(name)
    found = [one for one in _jobs(text) if one[1] == metric and job in {"", one[0]}]
    if not job and len(found) > 1:
        msg = f"the metric {name} was printed for {len(found)} jobs: {', '.join(one for one, _, _ in found)}"
        raise MetricError(msg, hint=f"name one ({found[0][0]}.{name}), or give fio --group_reporting")
    return [value for _, _, value in found]


def _split(name: str) -> tuple[str, str, str]:
    """Returns the job's name (it may hold dots), the dot, and side.metric."""
    start, _, metric = name.rpartition(".")
    job, dot, side = start.rpartition(".")
    return job, dot, f"{side}.{metric}"


def _jobs(text: str) -> Iterator[_Found]:
    start = re.search(r"^\{\s*$", text, re.MULTILINE)
    if start:
        return _from_json(text[start.start() :])
    if re.search(r"^3;fio-", text, re.MULTILINE):
        return _from_terse(text)
    return _from_normal(text)


def _from_json(text: str) -> Iterator[_Found]:
    try:
        document, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        msg = f"fio's JSON is broken: {error}"
        raise MetricError(msg) from error
    for index, name in enumerate(_names(document)):
        for side in _SIDES:
            if not _has_run(at_path(document, f"jobs[{index}].{side}.total_ios")):
                continue
            for metric, (path, scale) in _JSON_PATHS.items():
                for value in at_path(document, f"jobs[{index}].{side}.{path}"):
                    yield name, f"{side}.{metric}", _scaled(value, scale)


def _names(document: object) -> list[str]:
    jobs = document.get("jobs") if isinstance(document, dict) else None
    return (
        [str(job.get("jobname")) for job in jobs if isinstance(job, dict)] if isinstance(jobs, list) else []
    )


def _has_run(total: Matches) -> bool:
    return any(number not in {"0", "null"} for number in total)


_JSON_PATHS = {
    "iops": ("iops", 1.0),
    "bandwidth": ("bw_bytes", 1e-6),
    "latency_average": ("clat_ns.mean", 1e-3),
    **{name: (f"clat_ns.percentile.{share}", 1e-3) for name, share in _PERCENTILES.items()},
    "total_p99": ("lat_ns.percentile.99.000000", 1e-3),
}


def _from_terse(text: str) -> Iterator[_Found]:
    for line in text.splitlines():
        fields = line.split(";")
        if fields[0] != "3" or len(fields) < _TERSE_LENGTH:
            continue
        for side, first in _TERSE_SIDE.items():
            if fields[first] == "0":
                continue
            yield fields[2], f"{side}.iops", fields[first + 2]
            yield fields[2], f"{side}.bandwidth", _scaled(fields[first + 1], 1.024e-3)
            yield fields[2], f"{side}.latency_average", fields[first + 10]
            shares = dict(field.split("%=", 1) for field in fields[first + 12 : first + 32] if "%=" in field)
            for name, share in _PERCENTILES.items():
                if share in shares:
                    yield fields[2], f"{side}.{name}", shares[share]


def _from_normal(text: str) -> Iterator[_Found]:
    job = side = ""
    scale = 1.0
    for line in text.splitlines():
        if head := _JOB.match(line):
            job = head[1]
        elif found := _SIDE.match(line):
            side = found[1]
            yield job, f"{side}.iops", _scaled(found[2], _THOUSANDS[found[3]])
            yield job, f"{side}.bandwidth", _scaled(found[4], _THOUSANDS[found[5]] * 1e-6)
        elif mean := _MEAN.match(line):
            yield job, f"{side}.latency_average", _scaled(mean[2], _TO_US[mean[1]])
        elif unit := _SCALE.match(line):
            scale = _TO_US[unit[1]]
        else:
            shares = {f"{float(share):.6f}": value for share, value in _SHARE.findall(line)}
            for name, share in _PERCENTILES.items():
                if share in shares:
                    yield job, f"{side}.{name}", _scaled(shares[share], scale)


def _scaled(value: str, scale: float) -> str:
    try:
        return repr(float(value) * scale)
    except ValueError:
        return value
