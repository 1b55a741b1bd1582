"""The command line: reads arguments, calls `app`, shows what comes back. Holds no logic of its own."""

from kerntune.cli.main import app


def main() -> None:
    """Runs the command line and exits with its status."""
    app(prog_name="kerntune")
