"""The format of stress-ng's --metrics and --metrics-brief. Written against stress-ng 0.15.06.

Metrics are named `pipe.operations_per_second`; the stressor may be left out where only one was run. Its
operations are "bogo ops": comparable between runs of the same version alone.
"""

import re

from kerntune.errors import MetricError
from kerntune.readers.formats import NUMBER, Known, less, more
from kerntune.readers.text import Matches

METRICS: dict[str, Known] = {
    "operations": more("count"),
    "total_time": less("s"),
    "operations_per_second": more("1/s"),
    "operations_per_cpu_second": more("1/s"),
}

_ROW = re.compile(
    rf"^stress-ng: (?:metrc|info): +\[\d+\] +(\S+) +(\d+) +{NUMBER} +{NUMBER} +{NUMBER} +{NUMBER} +{NUMBER}"
    r"(?: |$)",
    re.MULTILINE,
)
_COLUMNS = {"operations": 2, "total_time": 3, "operations_per_second": 6, "operations_per_cpu_second": 7}
_WHOLE = "successful run completed"


def stress_ng(text: str, name: str) -> Matches:
    """Returns every match of `STRESSOR.metric`, or of `metric` where one stressor was run.

    Raises:
        MetricError: the stressor was left out and there are several.
    """
    stressor, _, metric = name.rpartition(".")
    if metric not in METRICS or _WHOLE not in text:
        return ()
    rows = list(_ROW.finditer(text))
    stressors = sorted({row[1] for row in rows})
    if not stressor and len(stressors) > 1:
        msg = f"the metric {name} was printed for {len(stressors)} stressors: {', '.join(stressors)}"
        raise MetricError(msg, hint=f"name one: {stressors[0]}.{metric}")
    return [row[_COLUMNS[metric]] for row in rows if stressor in {"", row[1]}]
