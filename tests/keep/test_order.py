"""Parents are written before children: in files, in pasted lines, and on the way back."""

from dataclasses import replace

from kerntune.keep import Kept, Occasion, ansible_tasks, paste, render, sysctl_conf, tuned_profile
from kerntune.keep.order import disturbed, ordered
from kerntune.keep.render import SYSCTL_D, TMPFILES_D

WHEN = Occasion("run-a", "", 1.8e9, "6.18.1", "boot-1")
QUEUE = "block.vda.queue"
SCHEDULER, REQUESTS, EXPIRE = f"{QUEUE}.scheduler", f"{QUEUE}.nr_requests", f"{QUEUE}.iosched.read_expire"
GOVERNOR = "cpu.cpufreq.policy0.scaling_governor"
RATE = "cpu.cpufreq.policy0.schedutil.rate_limit_us"
THP, FREE = "mm.transparent_hugepage.enabled", "vm.min_free_kbytes"
CHILDREN_FIRST = {REQUESTS: 512, EXPIRE: 100, SCHEDULER: "mq-deadline"}
BEFORE = {REQUESTS: 256, EXPIRE: 500, SCHEDULER: "none", THP: "madvise", FREE: 11000}


def settings(text):
    return [line.split()[1].rsplit("/")[-1] for line in text.splitlines() if line.startswith("w ")]


def test_what_would_be_reset_comes_after_what_resets_it(known):
    """A scheduler before its queue, a governor before its tunables; what nothing orders stays."""
    assert next(iter(ordered(CHILDREN_FIRST, BEFORE, known))) == SCHEDULER
    assert list(ordered({RATE: 500, GOVERNOR: "schedutil"}, {}, known)) == [GOVERNOR, RATE]
    assert list(ordered({"vm.swappiness": 1, FREE: 2}, {}, known)) == ["vm.swappiness", FREE]


def test_an_upper_limit_rises_before_the_lower_one_and_falls_after_it(known):
    """The kernel refuses a lower one above it."""
    low, high = "net.ipv4.ipfrag_low_thresh", "net.ipv4.ipfrag_high_thresh"
    now = {low: 3145728, high: 4194304}

    assert list(ordered({low: 8 << 20, high: 16 << 20}, now, known)) == [high, low]
    assert list(ordered({high: 2 << 20, low: 1 << 20}, now, known)) == [low, high]


def test_the_kernel_says_what_it_disturbs(known):
    """As the catalogue has it, for each device."""
    moved = disturbed((SCHEDULER, "vm.swappiness"), known)

    assert moved[REQUESTS] == moved[EXPIRE] == SCHEDULER
    assert disturbed((REQUESTS,), known) == {}


def test_every_file_has_the_scheduler_before_its_queue(known):
    """In whichever order the config has them."""
    run = Kept(WHEN, CHILDREN_FIRST, BEFORE)
    (file,) = render([run], known)

    assert settings(file.text) == ["scheduler", "nr_requests", "read_expire"]
    conf = sysctl_conf(CHILDREN_FIRST, BEFORE, known)
    assert conf.index("scheduler") < conf.index("nr_requests")
    tasks = ansible_tasks(CHILDREN_FIRST, BEFORE, known)
    assert tasks.index("scheduler") < tasks.index("nr_requests")
    there, _ = paste(CHILDREN_FIRST, BEFORE, known)
    assert there[0].endswith("/scheduler")


def test_the_file_has_a_later_runs_scheduler_before_an_earlier_runs_queue(known):
    """Each line under the run it is of."""
    first = Kept(WHEN, {REQUESTS: 512}, BEFORE)
    second = replace(first, occasion=replace(WHEN, run_id="run-b"), config={SCHEDULER: "mq-deadline"})
    (file,) = render([first, second], known)

    assert settings(file.text) == ["scheduler", "nr_requests"]
    assert file.text.index("# run run-b") < file.text.index("/scheduler") < file.text.index("# run run-a")


def test_a_sysctl_that_huge_pages_move_is_set_again_after_them(known):
    """systemd-tmpfiles runs after systemd-sysctl."""
    run = Kept(WHEN, {FREE: 20000, THP: "always"}, BEFORE)
    texts = {file.path: file.text for file in render([run], known)}

    assert "vm.min_free_kbytes = 20000\n" in texts[SYSCTL_D]
    assert settings(texts[TMPFILES_D]) == ["enabled", "min_free_kbytes"]
    profile = tuned_profile(run.config, BEFORE, known)
    assert profile.index("[vm]") < profile.index("[sysctl]")
    assert "not a sysctl, see tmpfiles.d(5): w /proc" not in sysctl_conf(run.config, BEFORE, known)


def test_the_way_back_names_what_the_kernel_moved_by_itself(known):
    """After what moved it."""
    _, back = paste({THP: "always"}, BEFORE, known)
    assert back == (
        "echo madvise | tee /sys/kernel/mm/transparent_hugepage/enabled",
        "sysctl -w vm.min_free_kbytes=11000",
    )

    _, back = paste({REQUESTS: 512, SCHEDULER: "mq-deadline"}, {REQUESTS: 256, SCHEDULER: "none"}, known)
    assert [line.split("/")[-1] for line in back] == ["scheduler", "nr_requests"]


def test_the_way_back_leaves_out_what_its_parent_fixes(known):
    """The governor performance refuses a preference."""
    preference = "cpu.cpufreq.policy0.energy_performance_preference"
    before = {GOVERNOR: "performance", preference: "performance"}

    assert len(paste({GOVERNOR: "powersave"}, before, known)[1]) == 1
    assert len(paste({GOVERNOR: "performance"}, {**before, GOVERNOR: "powersave"}, known)[1]) == 2
