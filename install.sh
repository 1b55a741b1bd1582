#!/bin/sh
# Makes the project-local environment: ./install.sh DIRECTORY. Uses uv when it is there, else venv and pip.
# The versions are those of constraints.txt, so that a clone of today installs the same tomorrow.
set -eu
venv=$1
python=${PYTHON:-python3}

fail() {
    echo "kerntune: $1" >&2
    echo "  $2" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 || fail "$python is not there" "apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, this is $("$python" --version)" "name another: make demo PYTHON=python3.12"

tools=$("$python" - <<'END'
import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["dependency-groups"]["dev"])
END
)

if command -v uv >/dev/null 2>&1; then
    uv venv --quiet --allow-existing --python "$python" "$venv"
    # shellcheck disable=SC2086 # one word a tool
    VIRTUAL_ENV=$venv uv pip install --quiet --constraint constraints.txt --editable . $tools
    exit
fi

# Debian and Ubuntu keep venv's pip in a package of its own.
if ! "$python" -c 'import ensurepip' >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "kerntune: installing python3-venv" >&2
        apt-get install --yes --quiet python3-venv >&2 || fail "python3-venv cannot be installed" "apt-get update"
    else
        fail "$python cannot make a virtual environment" "as root: apt-get install python3-venv"
    fi
fi
"$python" -m venv "$venv"
# shellcheck disable=SC2086 # one word a tool
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
    --editable . $tools
