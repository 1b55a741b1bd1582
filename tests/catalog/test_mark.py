"""Marks: what may fill them, and templates of a plan on a target with several devices, one, or none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.catalog import MARKS, expanded, filled, load, mark_of, touching
from kerntune.catalog.mark import at_device, device_in, is_device
from kerntune.model.knob import AbsenceReason, Constraint
from kerntune.model.plan import Pick

CATALOG = load()
DEVICES = {"device": ("eth0",), "disk": ("vda", "nvme0n1")}
READ_AHEAD = "block.{disk}.queue.read_ahead_kb"
SCHEDULER = "block.{disk}.queue.scheduler"


def pick(knob: str, high: int | None = None) -> Pick:
    return Pick(knob, "a reason", "a source", high=high)


@pytest.mark.parametrize("disk", ["vda", "nvme0n1", "sda", "dm-0", "md0", "zram0", "mmcblk0"])
def test_a_disk_is_filled_in(disk: str) -> None:
    """Name, path, what the choice is taken from and what is needed get the disk."""
    scheduler = CATALOG.find(f"block.{disk}.queue.scheduler")
    deadline = CATALOG.find(f"block.{disk}.queue.iosched.read_expire")

    assert scheduler is not None
    assert scheduler.path == f"/sys/block/{disk}/queue/scheduler"
    assert scheduler.choices_from == (f"block.{disk}.queue.scheduler.available",)
    assert CATALOG.find(*scheduler.choices_from) is not None
    assert deadline is not None
    assert deadline.needs == f"setting:block.{disk}.queue.scheduler = mq-deadline"


@pytest.mark.parametrize("disk", ["", ".", "..", "a/b", "/vda", "a b", "vda\n", "x" * 32])
def test_what_is_no_disk_finds_nothing(disk: str) -> None:
    """Nothing that could lead out of the folder of disks."""
    assert CATALOG.find(f"block.{disk}.queue.read_ahead_kb") is None


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark.word)
def test_every_mark_is_used_and_its_example_fits(mark) -> None:
    """A mark that no knob has, or an example the kernel would not take, is of no use."""
    templates = [knob for knob in CATALOG.knobs.values() if mark_of(knob.name) == mark]

    assert templates
    assert is_device(mark.example, mark)
    for template in templates:
        name = at_device(template, mark.example).name
        assert device_in(template.name, name) == mark.example
        assert "{" not in name


def test_the_names_that_reach_every_network_device_are_none_but_a_disk_may_have_them() -> None:
    """`default` below net.ipv4.conf is no device; there is no such entry among the disks."""
    network, disk = MARKS[0], MARKS[1]

    assert not is_device("all", network)
    assert is_device("all", disk)


@settings(deadline=None)
@given(st.sampled_from(MARKS), st.text(max_size=40))
def test_whatever_fills_a_mark_is_one_path_component(mark, name: str) -> None:
    """No name of a device reaches another folder."""
    if is_device(name, mark):
        assert "/" not in name
        assert name not in (".", "..")
        assert len(name.encode()) <= mark.longest


def test_a_template_becomes_one_pick_for_each_device() -> None:
    """What the plan says of the template holds for each; other picks stay as they are."""
    picks, left_out = expanded([pick(READ_AHEAD, high=4096), pick("vm.swappiness")], DEVICES)

    assert [(one.knob, one.high) for one in picks] == [
        ("block.vda.queue.read_ahead_kb", 4096),
        ("block.nvme0n1.queue.read_ahead_kb", 4096),
        ("vm.swappiness", None),
    ]
    assert left_out == ()


def test_a_device_the_plan_names_keeps_what_the_plan_says_of_it() -> None:
    """The template fills in the others only."""
    own = pick("block.vda.queue.read_ahead_kb", high=64)
    picks, _ = expanded([pick(READ_AHEAD, high=4096), own], DEVICES)

    assert [(one.knob, one.high) for one in picks] == [
        ("block.nvme0n1.queue.read_ahead_kb", 4096),
        ("block.vda.queue.read_ahead_kb", 64),
    ]


def test_a_template_without_devices_is_left_out_with_its_reason() -> None:
    """A target that has no disks of its own says so."""
    picks, ((name, absence),) = expanded([pick(READ_AHEAD), pick("vm.swappiness")], {"device": ("eth0",)})

    assert [one.knob for one in picks] == ["vm.swappiness"]
    assert name == READ_AHEAD
    assert absence.reason is AbsenceReason.HARDWARE
    assert absence.detail == "the target has no disk"


def test_a_hint_for_a_template_is_one_for_each_device() -> None:
    """A value for a device by name goes before the template's, wherever it stands."""
    config = filled({"block.vda.queue.read_ahead_kb": 64, READ_AHEAD: 4096, "vm.swappiness": 10}, DEVICES)

    assert config == {
        "block.vda.queue.read_ahead_kb": 64,
        "block.nvme0n1.queue.read_ahead_kb": 4096,
        "vm.swappiness": 10,
    }
    assert filled({READ_AHEAD: 4096}, {}) == {}


def test_a_constraint_over_templates_holds_for_each_device() -> None:
    """Each disk's scheduler disturbs its own queue, not another's."""
    names = ["block.vda.queue.scheduler", "block.nvme0n1.queue.nr_requests"]
    found = [rule for rule in touching(CATALOG.constraints, names) if rule.kind == "disturbs"]

    assert sorted(rule.knobs[0] for rule in found) == [
        "block.nvme0n1.queue.scheduler",
        "block.vda.queue.scheduler",
    ]
    assert all("{" not in knob for rule in found for knob in rule.knobs)


def test_a_constraint_between_a_device_and_the_machine_keeps_the_machine() -> None:
    """Only what has the mark is filled in."""
    rule = Constraint("couples", ("class.net.{device}.threaded", "net.core.dev_weight"), "so")

    (held,) = touching([rule], ["class.net.eth0.threaded"])
    assert held.knobs == ("class.net.eth0.threaded", "net.core.dev_weight")
    assert touching([rule], ["net.core.dev_weight"]) == (rule,)


def test_plans_may_pick_templates_of_every_sort() -> None:
    """Expanding all templates of the catalogue finds a knob for each name."""
    templates = [pick(name) for name in CATALOG.knobs if mark_of(name)]
    devices = {mark.word: (mark.example,) for mark in MARKS}
    picks, left_out = expanded(templates, devices)

    assert len(picks) == len(templates)
    assert left_out == ()
    assert all(CATALOG.find(one.knob) for one in picks)
