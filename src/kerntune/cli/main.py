"""The commands of kerntune. Each imports what it needs when it is called, so that --help stays quick."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kerntune import __version__
from kerntune.cli import keep
from kerntune.cli.knobs import knobs
from kerntune.cli.shown import explained, say, say_json
from kerntune.cli.studying import Options, dry_run, studied
from kerntune.cli.workloads import workloads
from kerntune.errors import PlanError

app = typer.Typer(
    name="kerntune",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""One sentence in; verified, reversible Linux kernel settings out.

[bold]Try it without any change to this machine:[/bold]

  kerntune tune "bulk file transfer over a long-distance link" --target netns

[bold]Look before you leap:[/bold]

  kerntune doctor                          what this machine lets us tune

  kerntune plan "many short connections"   the plan for a sentence, as JSON

  kerntune knobs show net.ipv4.tcp_wmem    what a knob means, and its source

  kerntune status                          what is applied now, and by whom
""",
)
app.add_typer(knobs, name="knobs")
app.add_typer(workloads, name="workloads")

Goal = Annotated[str, typer.Argument(help="What the machine is to be good at, in one sentence.")]
TargetName = Annotated[
    str | None, typer.Option(help="Where to try: netns (a sandbox, no change here) or host (this machine).")
]
Trials = Annotated[int | None, typer.Option(min=1, help="Configs to try in the search.")]
TimeS = Annotated[float | None, typer.Option("--time", min=1, help="Seconds for everything.")]
OptimizerName = Annotated[str | None, typer.Option(help="auto, tpe, gp, cmaes, ppo, random or grid.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Seed of the search.")]
Command = Annotated[str | None, typer.Option(help="Your own benchmark: a shell command that prints numbers.")]
MetricName = Annotated[str | None, typer.Option(help="The metric of --command to improve.")]
Reader = Annotated[str, typer.Option(help="How its output is read: lines, json, regex, pgbench, wrk, fio …")]
Minimize = Annotated[bool, typer.Option("--minimize", help="That metric is better when smaller.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds after which a run of --command has failed.")
]
Policy = Annotated[Path | None, typer.Option(help="A trained policy for the optimizer ppo.")]
Start = Annotated[
    list[Path] | None, typer.Option(help="A tuned profile or a sysctl.conf whose values are tried first.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before turning this machine's knobs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write and run nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, all else on standard error.")]
RunName = Annotated[str, typer.Argument(help="A run, or a beginning or end of its name.", metavar="RUN")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")]


def _version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with the option's value
    if wanted:
        typer.echo(f"kerntune {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


@app.command()
@explained
def tune(
    goal: Goal,
    *,
    target: TargetName = None,
    trials: Trials = None,
    time_s: TimeS = None,
    optimizer: OptimizerName = None,
    seed: Seed = None,
    command: Command = None,
    metric: MetricName = None,
    reader: Reader = "lines",
    minimize: Minimize = False,
    timeout_s: Timeout = 60.0,
    policy: Policy = None,
    start: Start = None,
    yes: Yes = False,
    dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Find settings that are measurably better for a workload, and say how sure that is.

    kerntune tune "bulk file transfer over a long-distance link" --target netns

    kerntune tune "p99 latency of small requests" --trials 15 --time 600

    kerntune tune "fast uploads" --command ./my-benchmark.sh --metric throughput
    """
    options = Options(
        target,
        trials,
        time_s,
        optimizer,
        seed,
        command,
        metric,
        reader,
        minimize,
        timeout_s,
        policy,
        tuple(start or ()),
    )
    if dry:
        dry_run(options.plan_for(goal), as_json=as_json)
    else:
        studied(options.plan_for(goal), as_json=as_json, yes=yes)


@app.command()
@explained
def plan(
    goal: Goal,
    *,
    output: Output = None,
    target: TargetName = None,
    trials: Trials = None,
    time_s: TimeS = None,
    optimizer: OptimizerName = None,
    seed: Seed = None,
    command: Command = None,
    metric: MetricName = None,
    reader: Reader = "lines",
    minimize: Minimize = False,
    timeout_s: Timeout = 60.0,
    policy: Policy = None,
    start: Start = None,
) -> None:
    """Show the plan for a sentence as JSON; nothing is run. Carry it out with `kerntune run`.

    kerntune plan "many short connections" -o plan.json && kerntune run plan.json
    """
    from kerntune import app as kerntune

    options = Options(
        target,
        trials,
        time_s,
        optimizer,
        seed,
        command,
        metric,
        reader,
        minimize,
        timeout_s,
        policy,
        tuple(start or ()),
    )
    text = kerntune.plan_text(options.plan_for(goal))
    if output is None:
        typer.echo(text)
    else:
        kerntune.write_text(output, text)
        say(f"wrote {output}; carry it out with: kerntune run {output}")


@app.command()
@explained
def run(
    plan_file: Annotated[Path, typer.Argument(help="A plan file, see `kerntune plan`.", metavar="PLAN.JSON")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Only look for faults; run nothing.")] = False,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Go on without knobs that kernels no longer have.")
    ] = False,
    yes: Yes = False,
    dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Carry out a plan file. All its faults are reported at once.

    kerntune run plan.json --json > result.json
    """
    from kerntune import app as kerntune

    if check and as_json:
        _check(plan_file, skip_missing=skip_missing)
        return
    loaded, notes = kerntune.plan_from(plan_file, skip_missing=skip_missing)
    if dry:
        dry_run(loaded, as_json=as_json, notes=notes)
    elif not check:
        studied(loaded, as_json=as_json, yes=yes, notes=notes)
    else:
        for line in (*(f"note: {note}" for note in notes), f"{plan_file}: no faults"):
            say(line)


def _check(plan_file: Path, *, skip_missing: bool) -> None:
    """Prints the faults of a plan file and the notes on it as JSON; faults are explained besides."""
    from kerntune import app as kerntune

    try:
        _, notes = kerntune.plan_from(plan_file, skip_missing=skip_missing)
    except PlanError as error:
        faults = [
            {"field": one.field, "found": repr(one.value), "problem": one.problem} for one in error.faults
        ]
        say_json({"file": str(plan_file), "faults": faults, "notes": []})
        raise
    say_json({"file": str(plan_file), "faults": [], "notes": list(notes)})


@app.command()
@explained
def resume(name: RunName, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Go on with a study that was killed or interrupted: same budget, only the trial in flight is lost.

    kerntune resume 20261120-2031
    """
    from kerntune import app as kerntune

    loaded, past = kerntune.to_resume(kerntune.settings(), name)
    studied(loaded, as_json=as_json, past=past, yes=yes)


@app.command("list")
@explained
def list_runs(*, as_json: AsJson = False) -> None:
    """List the stored studies, the newest first."""
    from kerntune import app as kerntune
    from kerntune.cli.tables import runs_table

    runs = kerntune.runs(kerntune.settings())
    if as_json:
        say_json([kerntune.result_data(stored) for stored in runs])
    elif runs:
        say(runs_table(runs))
    else:
        say('no study yet; try: kerntune tune "bulk file transfer over a long-distance link"')


@app.command()
@explained
def show(name: RunName, *, as_json: AsJson = False) -> None:
    """Show a stored study: its answer, its trials, and how to apply what it found."""
    from kerntune import app as kerntune

    here = kerntune.settings()
    run = kerntune.run_of(here, name)
    if as_json:
        say_json(kerntune.result_data(run))
        return
    for line in (*kerntune.shown(here, run.run_id), *kerntune.closing_lines(here, run)):
        say(line)


@app.command()
@explained
def compare(first: RunName, second: RunName) -> None:
    """Compare two stored studies side by side; says so when their numbers must not be compared."""
    from kerntune import app as kerntune
    from kerntune.cli.tables import comparison_table

    one, other, differences = kerntune.compared(kerntune.settings(), first, second)
    say(comparison_table(one, other))
    if differences:
        say(f"Invalid to compare their numbers: {'; '.join(differences)}")


@app.command()
@explained
def export(
    name: RunName,
    *,
    form: Annotated[
        str,
        typer.Option(
            "--format", "-f", help="csv or json: every sample. sysctl, shell, tuned or ansible: what to keep."
        ),
    ] = "json",
    output: Output = None,
) -> None:
    """Export every sample of a study, or what it recommends for another tool.

    kerntune export 20261120-2031 -f csv -o samples.csv

    kerntune export 20261120-2031 -f tuned -o /etc/tuned/mine
    """
    from kerntune import app as kerntune

    if form in kerntune.FORMS:
        keep.export_recommendation(name, form, output)
        return
    text = kerntune.exported(kerntune.settings(), name, form)
    if output is None:
        sys.stdout.write(text)
    else:
        kerntune.write_text(output, text)
        say(f"wrote {output}")


@app.command()
@explained
def doctor(*, as_json: AsJson = False) -> None:
    """Say what this machine lets us tune, what is missing, and how to get it."""
    from dataclasses import asdict

    from kerntune import app as kerntune

    findings = tuple(kerntune.examined(kerntune.settings()))
    if as_json:
        say_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(f"{'ok  ' if finding.good else 'look'}  {finding.what}: {finding.detail}")
            if finding.remedy:
                say(f"      {finding.remedy}")
    if any(finding.fatal for finding in findings):
        raise typer.Exit(3)


@app.command()
@explained
def status() -> None:
    """Say what is applied now, by whom, what a crash left to be undone, and which studies are running."""
    from kerntune import app as kerntune
    from kerntune.report.applied import applied_lines

    here = kerntune.settings()
    lines = list(applied_lines(kerntune.applied_now(here)))
    for line in lines or ["nothing is applied: every knob is as the machine has it"]:
        say(line)
    for kept in kerntune.keeper(here).ledger.runs:
        for line in kerntune.kept_lines(kept):
            say(line)
    for line in kerntune.running_lines(here):
        say(line)


keep.register(app)
