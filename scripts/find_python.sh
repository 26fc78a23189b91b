#!/usr/bin/env bash
# Prints a Python that can hold the development environment: one with a Pyodide release (3.11-3.13).
# Each candidate is run for real, because a name on PATH may be a shim for a missing interpreter.
set -euo pipefail

for python in "${PYTHON:-}" python3 python3.12 python3.11 python3.13 "$HOME"/.pyenv/versions/3.1[123].*/bin/python; do
    if [[ -n $python ]] &&
        "$python" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        "$python" -c 'import sys; print(sys.executable)'
        exit
    fi
done
echo "No Python from 3.11 to 3.13 was found; install one, or say: make PYTHON=/path/to/python" >&2
exit 1
