"""Which disk and file system a directory lies on, which network device leads out. Reads only."""

import os
from pathlib import Path


def disks(directory: Path, root: Path = Path("/")) -> tuple[str, ...]:
    """Returns the disk that holds a directory as /sys/block names it, none if it lies on no single disk."""
    number = directory.stat().st_dev
    found = _block(root, f"{os.major(number)}:{os.minor(number)}") or _mounted(root, directory)
    return (found,) if found else ()


def network_devices(root: Path = Path("/")) -> tuple[str, ...]:
    """Returns the device of the default route, none if there is none."""
    try:
        lines = (root / "proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return ()
    routes = [fields for line in lines if len(fields := line.split()) > 7]
    leading = sorted((int(fields[6]), fields[0]) for fields in routes if fields[1] == fields[7] == "00000000")
    return tuple(device for _, device in leading[:1])


def ext4(directory: Path, root: Path = Path("/")) -> tuple[str, ...]:
    """Returns the ext4 file system that holds a directory as /sys/fs/ext4 names it, none if it is another."""
    number = directory.stat().st_dev
    link = root / "sys/dev/block" / f"{os.major(number)}:{os.minor(number)}"
    name = link.resolve().name if link.exists() else ""
    return (name,) if name and (root / "sys/fs/ext4" / name).exists() else ()


def policies(root: Path = Path("/")) -> tuple[str, ...]:
    """Returns the frequency policies of the CPUs (policy0)."""
    found = (root / "sys/devices/system/cpu/cpufreq").glob("policy*")
    return tuple(sorted(path.name for path in found))


def _block(root: Path, number: str) -> str:
    """Returns the whole disk of a block device's number (`8:1` is sda)."""
    link = root / "sys/dev/block" / number
    if not link.exists():
        return ""
    device = link.resolve()
    whole = device.parent if (device / "partition").exists() else device
    return whole.name if (root / "sys/block" / whole.name).exists() else ""


def _mounted(root: Path, directory: Path) -> str:
    """Returns the disk of a file system whose files carry another number than its disk (btrfs)."""
    best, source = Path(), ""
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4])
        if directory.resolve().is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, source = point, after.split()[1]
    if not source.startswith("/dev/"):
        return ""
    number = Path(source).stat().st_rdev
    return _block(root, f"{os.major(number)}:{os.minor(number)}")
