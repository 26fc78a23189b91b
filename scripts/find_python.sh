#!/usr/bin/env bash
# Prints a Python that can hold the development environment: one with a Pyodide release (3.11-3.13).
# 3.12 comes first: from there on, pages start from snapshots, and the tests see both ways of
# starting when scripts/test_other_pythons.py has run the others.
# Each candidate is run for real, because a name on PATH may be a shim for a missing interpreter.
set -euo pipefail

fits() {
    "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}

candidates=(
    python3.12 "$HOME"/.pyenv/versions/3.12.*/bin/python
    python3.13 "$HOME"/.pyenv/versions/3.13.*/bin/python
    python3 python3.11
)
for python in "${PYTHON:-${candidates[@]}}"; do
    if fits "$python"; then
        exec "$python" -c 'import sys; print(sys.executable)'
    fi
done
if [[ -n ${PYTHON:-} ]]; then
    echo "$PYTHON is not Python 3.11, 3.12 or 3.13" >&2
else
    echo "There is no Python 3.11, 3.12 or 3.13 on PATH; install one," \
        "or say where it is: make PYTHON=/path/to/python" >&2
fi
exit 1
