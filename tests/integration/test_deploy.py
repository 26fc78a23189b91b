"""The files for other machines, as far as they can be checked without these."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from nitocris.worker_process import EXIT_ALONE, EXIT_DISMISSED, EXIT_REFUSED, URL_VARIABLE

DEPLOY = Path(__file__).parents[2] / "deploy"


def text(name: str) -> str:
    return (DEPLOY / name).read_text()


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.py")), ids=lambda path: path.name)
def test_owners_call_what_there_is(path: Path) -> None:
    """They parse, and import `join` from one of our engines, which takes what they give."""
    tree = ast.parse(path.read_text())

    [engine] = re.findall(r"from nitocris\.engines\.(\w+) import join", path.read_text())
    [call] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "join"
    ]
    assert len(call.args) == {"dask": 2, "ray": 1}[engine]


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.yaml")), ids=lambda path: path.name)
def test_manifests_are_yaml_of_a_kind(path: Path) -> None:
    [manifest] = yaml.safe_load_all(path.read_text())

    assert manifest["kind"] in ("Pod", "RayCluster")
    assert manifest["metadata"]["name"].startswith("nitocris")
    assert manifest["spec"]


def test_names_agree() -> None:
    """The owner of Ray dials the service that KubeRay makes of the cluster's name."""
    cluster = yaml.safe_load(text("kuberay.yaml"))["metadata"]["name"]

    assert f"ray://{cluster}-head-svc:10001" in text("ray_kubernetes.py")
    assert f"RestartPreventExitStatus={EXIT_REFUSED} {EXIT_DISMISSED}\n" in text(
        "nitocris-worker.service"
    )
    assert f"-eq {EXIT_ALONE} ]" in text("nitocris-worker.slurm")
    for name in ("Dockerfile", "nitocris-worker.service", "nitocris-worker.slurm"):
        assert URL_VARIABLE in text(name)


def test_the_script_for_slurm_is_bash() -> None:
    subprocess.run(["bash", "-n", str(DEPLOY / "nitocris-worker.slurm")], check=True)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "nitocris-worker.service"
    unit.write_text(text("nitocris-worker.service"))

    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )

    complaints = [line for line in done.stderr.splitlines() if "nitocris" in line]
    assert not complaints
