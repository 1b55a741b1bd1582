"""The program on a real kernel, in a throw-away network namespace."""

import os
import signal
import time
from contextlib import suppress

import pytest

from kerntune.catalog import load
from kerntune.errors import HandError
from kerntune.hand.program import Terms
from kerntune.hand.protocol import Foreign
from kerntune.model.knob import Absence, AbsenceReason, Range

TTL, FIN = "net.ipv4.ip_default_ttl", "net.ipv4.tcp_fin_timeout"
WMEM_MAX = "net.ipv4.tcp_wmem:max"
LOW, HIGH = "net.ipv4.ipfrag_low_thresh", "net.ipv4.ipfrag_high_thresh"


def wait_for(fact, seconds=2.0):
    ends = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < ends, "did not come true in time"
        time.sleep(0.001)


def test_a_config_is_applied_for_the_block_and_gone_after_it(place, start):
    """Scalars and a member of a vector change together; the vector's other members stay."""
    hand = start().hand
    before = place.everything()

    with hand.applied({TTL: 33, WMEM_MAX: 16 << 20}) as effects:
        assert [(effect.knob, effect.effective, effect.match) for effect in effects] == [
            (TTL, 33, "exact"),
            (WMEM_MAX, 16 << 20, "exact"),
        ]
        assert place.read(TTL) == "33"
        assert place.read("net.ipv4.tcp_wmem").split()[:2] == before["net.ipv4.tcp_wmem"].split()[:2]
        assert place.read("net.ipv4.tcp_wmem").split()[2] == str(16 << 20)

    assert place.everything() == before


def test_a_value_the_kernel_refuses_takes_the_whole_transaction_back(place, start):
    """The first knob is already written when the second is refused with EINVAL; it goes back."""
    hand = start().hand
    before = place.everything()

    with pytest.raises(HandError, match=r"cannot write 300 to net.ipv4.ip_default_ttl: .*EINVAL") as caught:
        hand.apply({FIN: 7, TTL: 300})

    assert (caught.value.kind, caught.value.knob) == ("refused", TTL)
    assert place.everything() == before
    assert hand.status()["depth"] == 0


def test_a_vector_refused_in_the_middle_is_whole_again(place, start):
    """The kernel refuses a port above 65535 after it has looked at the first member."""
    hand = start().hand
    before = place.everything()

    with pytest.raises(HandError, match="ip_local_port_range"):
        hand.apply({"net.ipv4.ip_local_port_range:low": 1024, "net.ipv4.ip_local_port_range:high": 70000})

    assert place.everything() == before


@pytest.mark.parametrize("values", [(8 << 20, 9 << 20), (1 << 10, 2 << 10)])
def test_two_limits_move_together_in_either_direction(place, start, values):
    """The kernel refuses a lower limit above the upper one at every moment, so order matters."""
    hand = start().hand
    before = place.everything()

    with hand.applied(dict(zip((LOW, HIGH), values, strict=True))):
        assert (place.read(LOW), place.read(HIGH)) == tuple(map(str, values))

    assert place.everything() == before


def test_the_order_of_writing_does_not_hang_on_the_order_of_the_config(place, start):
    """The same two limits, named the other way round."""
    hand = start().hand

    with hand.applied({HIGH: 9 << 20, LOW: 8 << 20}) as effects:
        assert {effect.match for effect in effects} == {"exact"}


def test_rounding_is_reported(place, start):
    """The kernel keeps this time in timer ticks, so it reads back as a multiple of them."""
    name = "net.ipv4.neigh.lo.retrans_time_ms"
    hand = start().hand

    with hand.applied({name: 1001}) as (effect,):
        assert effect.effective == int(place.read(name))
        assert effect.match == ("exact" if effect.effective == 1001 else "rounded")

    assert place.read(name) == "1000"


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"net.ipv4.tcp_syncookies": 0}, "danger"),
        ({"net.ipv4.tcp_available_congestion_control": "reno"}, "danger"),
        ({"kernel.core_pattern": "|/bin/sh"}, "unknown"),
        ({"../../etc/passwd": 1}, "unknown"),
        ({"net.ipv4.tcp_*": 1}, "unknown"),
        ({FIN: 121}, "domain"),
        ({FIN: "7"}, "domain"),
        ({FIN: True}, "domain"),
        ({FIN: 7.0}, "domain"),
        ({"net.ipv4.tcp_congestion_control": "bbr; reboot"}, "domain"),
        ({"net.ipv4.tcp_congestion_control": "no_such"}, "absent"),
        ({"net.ipv4.no_such_knob": 1}, "absent"),
        ({"net.ipv4.neigh.eth7.retrans_time_ms": 900}, "absent"),
        ({LOW: 9 << 20}, "domain"),
        ({"net.ipv4.tcp_wmem:min": 8 << 20}, "domain"),
        ({"net.ipv4.tcp_max_tw_buckets": 1}, "domain"),
    ],
)
def test_what_must_not_be_written_is_refused_and_nothing_else_of_it_is_written(place, start, config, kind):
    """A caller is never trusted: everything is checked again, and one fault stops the whole config."""
    hand = start().hand
    before = place.everything()

    with pytest.raises(HandError) as caught:
        hand.apply({TTL: 33, **config})

    assert caught.value.kind == kind
    assert caught.value.hint
    assert place.everything() == before


def test_all_faults_are_named_at_once(start):
    """A person corrects a config once, not once for each fault."""
    with pytest.raises(HandError) as caught:
        start().hand.apply({FIN: 999, "net.ipv4.tcp_syncookies": 0})

    assert FIN in str(caught.value)
    assert "it is a shield" in str(caught.value)


def test_the_value_that_is_there_is_always_allowed(place, start):
    """The reference config of a study may lie outside the domain that the search is given."""
    place.write(FIN, 999)
    with start().hand.applied({FIN: 999}) as (effect,):
        assert effect.match == "exact"
    assert place.read(FIN) == "999"
    place.write(FIN, 60)


def test_another_writer_is_left_alone_and_reported(place, start):
    """An administrator changes one of two knobs mid-trial: theirs stays, the other goes back."""
    hand = start().hand

    with pytest.raises(HandError, match="was 64, we set 33 and is 44") as caught:  # noqa: PT012, SIM117 - on leaving
        with hand.applied({TTL: 33, FIN: 7}):
            place.write(TTL, 44)
            assert hand.check() == (Foreign(TTL, 33, 44),)

    assert (caught.value.kind, caught.value.knob) == ("interference", TTL)
    assert (place.read(TTL), place.read(FIN)) == ("44", "60")
    place.write(TTL, 64)


def test_another_writer_of_the_same_vector_keeps_their_member(place, start):
    """We changed the maximum, they change the minimum: ours goes back, theirs stays."""
    hand = start().hand
    before = place.read("net.ipv4.tcp_wmem")

    with hand.applied({WMEM_MAX: 16 << 20}):
        place.write("net.ipv4.tcp_wmem", f"5000 16384 {16 << 20}")

    assert place.read("net.ipv4.tcp_wmem") == "5000 16384 4194304"
    place.write("net.ipv4.tcp_wmem", before)


def test_a_failing_block_keeps_its_own_error_and_carries_the_interference_as_a_note(place, start):
    """The error of the run is what the user asks about first."""
    hand = start().hand

    with pytest.raises(ZeroDivisionError) as caught, hand.applied({TTL: 33}):
        _ = 1 / int(place.write(TTL, 44) is not None)

    assert "somebody else" in caught.value.__notes__[0]
    place.write(TTL, 64)


def test_nested_configs_go_back_one_by_one(place, start):
    """Leaving the inner block brings the outer block's value back, not the original."""
    hand = start().hand

    with hand.applied({TTL: 33}):
        with hand.applied({TTL: 44}):
            assert place.read(TTL) == "44"
        assert place.read(TTL) == "33"

    assert place.read(TTL) == "64"


def test_the_end_of_the_pipe_undoes(place, start):
    """The tuner is gone, so its config must go too."""
    running = start()
    running.hand.apply({TTL: 33})

    os.close(running.hand._requests)

    wait_for(lambda: place.read(TTL) == "64")
    wait_for(lambda: not list(running.journal.iterdir()))
    running.hand._open = False
    os.close(running.hand._replies)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_undoes_and_ends(place, start, number):
    """The usual ways of ending a program undo first; the client hears that the hand is lost."""
    running = start()
    running.hand.apply({TTL: 33})

    os.kill(running.pid, number)

    wait_for(lambda: place.read(TTL) == "64")
    with pytest.raises(HandError) as caught:
        running.hand.status()
    assert caught.value.kind == "lost"
    assert not list(running.journal.iterdir())
    end = os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
    assert (end.si_code, end.si_status) == (os.CLD_EXITED, 0), (
        "it must undo by itself, not die and be avenged"
    )


def test_an_expired_lease_undoes_while_nobody_asks_anything(place, start):
    """A tuner that hangs must not keep its config for ever; afterwards it is told."""
    hand = start().hand
    hand.apply({TTL: 33}, lease_s=0.05)

    wait_for(lambda: place.read(TTL) == "64")

    for ask in (hand.check, lambda: hand.renew(1), hand.undo):
        with pytest.raises(HandError) as caught:
            ask()
        assert caught.value.kind == "lease"
    with hand.applied({TTL: 33}):
        assert place.read(TTL) == "33"


def test_a_stopped_hand_is_finished_for_when_its_lease_is_over(place, start):
    """It cannot undo and will not die: its guardian kills it and undoes."""
    running = start()
    running.hand.apply({TTL: 33}, lease_s=0.05)
    os.kill(running.pid, signal.SIGSTOP)

    wait_for(lambda: place.read(TTL) == "64", seconds=20)

    end = os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
    assert (end.si_code, end.si_status) == (os.CLD_KILLED, signal.SIGKILL)


def test_a_renewed_lease_holds(place, start):
    """The lease counts from the last renewal; the clock is ours here, so nothing waits."""
    running = start(Terms(clock=lambda: 0.0))
    running.hand.apply({TTL: 33}, lease_s=0.001)
    running.hand.renew(100)

    assert running.hand.status()["left_s"] == 100
    assert place.read(TTL) == "33"


@pytest.mark.parametrize("lease_s", [0, -1, 1e9, "x"])
def test_a_lease_has_bounds(place, start, lease_s):
    """No lease is for ever."""
    with pytest.raises(HandError, match="a lease is"):
        start().hand.apply({TTL: 33}, lease_s)

    assert place.read(TTL) == "64"


def test_readings_tell_values_from_absences(place, start):
    """A value, a word, a list that is only read, and three ways of not being there."""
    knobs = [
        WMEM_MAX,
        "net.ipv4.tcp_congestion_control",
        "net.ipv4.tcp_available_congestion_control",
        "net.ipv4.no_such_knob",
        "net.ipv4.neigh.eth7.retrans_time_ms",
        "net.ipv4.who_knows",
    ]

    found = start().hand.read(knobs, probe=True)

    assert found[knobs[0]] == 4194304
    assert found[knobs[1]] == place.read(knobs[1])
    assert found[knobs[2]] == place.read(knobs[2])
    reasons = [value.reason for value in found.values() if isinstance(value, Absence)]
    assert reasons == [AbsenceReason.VERSION, AbsenceReason.HARDWARE, AbsenceReason.UNKNOWN]


def test_the_hand_holds_nothing_of_its_parent_open(place, start):
    """An inherited end of somebody's pipe, held by a hand, would hide that somebody's death."""
    out, into = os.pipe()
    running = start()
    running.hand.hello()

    os.close(into)

    assert os.read(out, 1) == b""
    os.close(out)


def test_the_hand_leads_a_session_of_its_own(start):
    """Ctrl-C on the tuner's terminal must not reach it."""
    running = start()
    guardian = running.hand.hello()["guardian"]

    assert os.getsid(running.pid) == running.pid
    assert os.getsid(guardian) == guardian


def test_a_line_that_is_no_request_is_refused_and_the_next_one_answered(start):
    """Garbage on the pipe changes nothing."""
    running = start()
    os.write(running.hand._requests, b'garbage\n{"id":9,"op":"explode"}\n[1]\n{"id":7}\n')

    assert running.hand.status()["depth"] == 0


def test_every_knob_of_the_catalogue_comes_back_from_its_bounds(start):
    """All that this kernel has, one by one: whatever it made of the bound, the old value is back."""
    catalog = load()
    names = [name.replace("{device}", "lo") for name in catalog.knobs]
    hand = start(catalog=catalog).hand
    before = {name: found for name, found in hand.read(names).items() if not isinstance(found, Absence)}
    applied = 0

    for name in before:
        domain = catalog.find(name).domain
        for value in (domain.low, domain.high) if isinstance(domain, Range) else domain.values[:2]:
            with suppress(HandError), hand.applied({name: value}):
                applied += 1

    assert hand.read(before) == before
    assert applied > len(before)
