"""The command line as people use it: real processes, real ports, Ctrl-C."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request

NITOCRIS = [sys.executable, "-m", "nitocris"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run([*NITOCRIS, *arguments], capture_output=True, text=True, check=False)


def test_help_names_all_commands() -> None:
    """And asking for a command that is none shows those that are."""
    shown = run("--help").stdout
    unknown = run("dance")

    assert {"demo", "doctor", "worker"} <= set(re.findall(r"^    (\w+) ", shown, re.MULTILINE))
    assert unknown.returncode == 2
    assert "'doctor'" in unknown.stderr


def test_workers_start_without_the_server() -> None:
    """Each command imports what it needs, so that workers start fast."""
    program = (
        "import sys; from nitocris.cli import main; main(['worker'])\n"
        "print([each for each in sys.modules if each in ('nitocris.server', 'ifaddr', 'tqdm')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.stdout == "[]\n"
    assert "link is missing" in done.stderr


def test_ctrl_c_ends_a_worker_as_shells_expect() -> None:
    """Without a traceback, with 128 and the number of the signal."""
    with subprocess.Popen(
        [*NITOCRIS, "worker", f"http://127.0.0.1:1/worker#{'a' * 22}"],
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stderr is not None
        assert "no connection" in worker.stderr.readline()
        worker.send_signal(signal.SIGINT)
        _, errors = worker.communicate(timeout=30)

    assert worker.returncode == 130
    assert errors == ""


def test_demo_computes() -> None:
    """Two local workers, the link, and an estimate at the end."""
    done = run("demo", "--items", "5")

    assert done.returncode == 0, done.stderr
    assert re.search(r"open http://\S+/#\S{22}", done.stderr)
    assert re.search(r"π ≈ 3\.1\d+ ± 0\.00\d+ from 1,000,000 points, 0% by browsers", done.stdout)


def test_demo_ends_by_ctrl_c() -> None:
    """At once and with what is known of π; the port is free again, and nothing is a traceback."""
    with subprocess.Popen(
        [*NITOCRIS, "demo", "--workers", "1", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stderr is not None
        link = re.search(r"http://([^:]+):(\d+)/", demo.stderr.readline())
        assert link is not None
        with urllib.request.urlopen(link[0]) as page:  # the server is there
            assert page.status == 200
        demo.send_signal(signal.SIGINT)
        output, errors = demo.communicate(timeout=30)

    assert demo.returncode == 0
    assert "Your own: " in output
    assert "Traceback" not in errors
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(link[2]))) != 0


def test_demo_says_what_cannot_work() -> None:
    """In a sentence, not in a traceback."""
    done = run("demo", "--items", "0")

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--items must be a whole number of at least 1" in done.stderr


def test_doctor_is_content_here() -> None:
    """The environment of these tests is sound, and a real map proves it."""
    done = run("doctor", "--json")

    found = {each["about"]: each for each in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert found["Python"]["status"] == "ok"
    assert "a local worker did it" in found["first map"]["text"]


def test_doctor_fails_for_a_port_that_is_taken() -> None:
    """The exit code tells programs, a line tells people."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        done = run("doctor", "--port", str(taken.getsockname()[1]))

    assert done.returncode == 1
    assert re.search(r"^error +port: \d+ is not to be had", done.stdout, re.MULTILINE)
    assert "2 to mend." in done.stdout
