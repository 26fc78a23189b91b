#!/usr/bin/env bash
# make_venv.sh PYTHON FOLDER GROUP: a virtual environment with this project (editable) and a group of
# dependencies. Works where Debian left out ensurepip, as long as there is any pip or uv.
set -euo pipefail
python=$1 folder=$2 group=$3

seeded() { "$folder/bin/python" -m pip --version >/dev/null 2>&1; }

if ! seeded; then
    rm -rf "$folder"
    "$python" -m venv "$folder" >/dev/null 2>&1 || true
    if ! seeded; then
        "$python" -m venv --clear --without-pip "$folder"
        # A pip of the system installs one into the environment; so does uv.
        "$python" -m pip --python "$folder/bin/python" install --quiet pip 2>/dev/null ||
            uv pip install --quiet --python "$folder/bin/python" pip 2>/dev/null || true
    fi
    if ! seeded; then
        rm -rf "$folder"
        echo "$python has neither ensurepip nor pip; install them (Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
fi

# 25.1 is the first pip that knows dependency groups.
"$folder/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
# The Makefile builds the page by itself, at the same time.
NITOCRIS_PAGE=skip "$folder/bin/python" -m pip install --quiet --editable . --group "$group"
