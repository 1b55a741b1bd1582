#!/bin/sh
# Makes the project-local environment: ./install.sh DIRECTORY. Uses uv when it is there, else venv and pip.
set -eu
venv=$1
python=${PYTHON:-python3}

fail() { echo "kerntune: $1" >&2; echo "  $2" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || fail "$python not found" "apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, $("$python" --version) found" "name another with PYTHON=python3.12 make demo"

if command -v uv >/dev/null 2>&1; then
    UV_PROJECT_ENVIRONMENT=$venv uv sync --quiet --python "$python"
    exit
fi
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    rm -rf "$venv"
    fail "$python cannot make a virtual environment" "apt-get install python3-venv (Debian and Ubuntu keep it apart)"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable . \
    $("$venv/bin/python" - <<'PY'
import tomllib
print(*(name.replace(" ", "") for name in tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"]))
PY
)
