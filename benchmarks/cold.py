"""W5: a program of a user for each system, from its first import to the result of a one-item map.

Every measurement is a new process.  The start of the interpreter is not counted, for it is the same
for all.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from .check import check
from .child import Answer, Task
from .contestant import Failure, environment, kill_family, last_words
from .workloads import make

COLD = "W5"

PROGRAM = """
import time
began = time.perf_counter()

def square(number):
    return number * number

def program(item):
{body}

if __name__ == "__main__":
    result, seconds = program({item})
    print("W5", [seconds, result])
"""

TIME = "time.perf_counter() - began"

POOL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(1, multiprocessing.get_context({method!r})) as pool:
    return list(pool.map(square, [item])), TIME
"""

DASK = """
import logging
from distributed import Client, LocalCluster
options = dict(threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR)
with LocalCluster(n_workers=1, **options) as cluster, Client(cluster) as client:
    return client.gather(client.map(square, [item])), TIME
"""

RAY_POOL = """
import ray
from ray.util.multiprocessing import Pool
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
return Pool(1).map(square, [item]), TIME
"""

BODIES = {
    "map": "return list(map(square, [item])), TIME",
    "pool-fork": POOL.format(method="fork"),
    "pool-spawn": POOL.format(method="spawn"),
    # With n_jobs=1 it would compute by itself.
    "joblib": """
from joblib import Parallel, delayed
return list(Parallel(n_jobs=2)(delayed(square)(each) for each in [item])), TIME
""",
    "mpire": """
from mpire import WorkerPool
with WorkerPool(1) as pool:
    return pool.map(square, [item]), TIME
""",
    "dask": DASK,
    "ray": """
import ray
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
return ray.get([ray.remote(square).remote(item)]), TIME
""",
    "ray-pool": RAY_POOL,
    "nitocris": """
from nitocris import DistributedExecution
with DistributedExecution(local_workers=1, host="127.0.0.1", progress=False) as execution:
    return execution.map(square, [item]), TIME
""",
}
"""By system; those that are not here differ from one that is in nothing that matters for W5."""


class ColdStart:
    """A system that is started anew for each task.

    Args:
        name: One of `BODIES`.
        timeout: Seconds that a program may take, its end included.
    """

    def __init__(self, name: str, timeout: float) -> None:
        self.name = name
        self.workers = 1
        self.timeout = timeout

    def ask(self, task: Task) -> Answer:
        """Runs the program once.

        Raises:
            Failure: It has failed or takes too long.
        """
        workload = make(task.workload, task.seed, task.share)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "program.py")
            file.write_text(source(self.name, workload.items[0]))
            with tempfile.TemporaryFile() as output:
                process = subprocess.Popen(
                    [sys.executable, str(file)],
                    cwd=folder,
                    env=environment(),
                    start_new_session=True,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
                try:
                    process.wait(self.timeout)
                except subprocess.TimeoutExpired:
                    raise Failure(f"took more than {self.timeout:g} s") from None
                finally:
                    kill_family(process)
                output.seek(0)
                found = re.search(rb"^W5 (.*)$", output.read(), re.MULTILINE)
                if found is None:
                    raise Failure(last_words(output))
        seconds, result = json.loads(found[1])
        return Answer([seconds], check(result, workload.expected))


def source(name: str, item: int) -> str:
    """Returns a system's program."""
    lines = BODIES[name].strip().replace("TIME", TIME).splitlines()
    return PROGRAM.format(body="\n".join(f"    {line}" for line in lines), item=item)
