"""The owner's own modules travel: scripts and folders as people have them, real processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest

START = """
from nitocris import DistributedExecution
d = DistributedExecution(host="127.0.0.1", local_workers=1)
"""


class Project:
    """A folder with a script and what lies beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(textwrap.dedent(content))
        return path

    def run(self, script: str, cwd: Path | None = None, **variables: str) -> tuple[list[str], str]:
        """Runs a script whose `d` is an execution; returns what it prints, and its errors."""
        path = self.write("script.py", START + textwrap.dedent(script) + "\nd.shutdown()\n")
        done = subprocess.run(
            [sys.executable, str(path)],
            capture_output=True,
            text=True,
            cwd=cwd or self.folder.parent,
            env=os.environ | variables,
            check=False,
            timeout=50,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty one, which is no worker's working directory."""
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


def test_modules_packages_and_their_files_travel(project: Project) -> None:
    """A module beside the script imports a package: relative, circular, with a file."""
    project.write("helpers.py", "import shapes\ndef area(x): return shapes.area(x)\n")
    project.write("shapes/__init__.py", "from .square import area\n")
    project.write("shapes/square.py", "from . import units\ndef area(x): return x * x * units.K\n")
    project.write(
        "shapes/units.py",
        """
        from pathlib import Path
        import shapes.square  # which imports this module
        K = int((Path(__file__).parent / "data" / "k.txt").read_text())
        """,
    )
    project.write("shapes/data/k.txt", "10")

    out, _ = project.run(
        """
        import helpers
        def inside(x):
            from shapes import units
            return units.K + x
        print(d.map(helpers.area, range(3)), d.map(inside, [1]), list(d.imap(helpers.area, [3])))
        print(d.submit(lambda x: helpers.area(x), 4).result())
        """
    )

    assert out == ["[0, 10, 40] [11] [90]", "160"]


def test_modules_of_pythonpath_travel_and_a_stale_copy_is_not_taken(project: Project) -> None:
    """The worker's working directory has another version, and the owner's counts."""
    library = project.write("lib/rates.py", "def rate(x): return x * 2\n").parent
    stale = project.write("elsewhere/rates.py", "def rate(x): return 'stale'\n").parent

    out, _ = project.run(
        "import rates\nprint(d.map(rates.rate, [1, 2]))", cwd=stale, PYTHONPATH=str(library)
    )

    assert out == ["[2, 4]"]


def test_items_of_own_classes_bring_their_module(project: Project) -> None:
    """Also where the function knows nothing of it, and results of these classes come back."""
    project.write(
        "shapes.py",
        """
        import dataclasses, enum, typing
        @dataclasses.dataclass
        class Box:
            x: int
            def double(self): return Box(2 * self.x)
        class Colour(enum.Enum):
            RED = 1
        class Pair(typing.NamedTuple):
            first: int
        class Wrong(Exception):
            pass
        def all_of(x):
            if x == 2:
                raise Wrong("no 2, please")
            return Box(x), Colour.RED, Pair(x)
        """,
    )

    out, _ = project.run(
        """
        import shapes
        print(d.map(lambda box: box.x, [shapes.Box(1), shapes.Box(2)], chunk_size=1))
        d.register(shapes.Box)
        print(d.map(lambda box: box.double(), [shapes.Box(3)]) == [shapes.Box(6)])
        print(d.submit(lambda box: box.double(), shapes.Box(4)).result() == shapes.Box(8))
        print(d.map(shapes.all_of, [1]) == [(shapes.Box(1), shapes.Colour.RED, shapes.Pair(1))])
        (error,) = d.map(shapes.all_of, [2], errors="return")
        print(error, "no 2, please" in error.remote_traceback)
        """
    )

    assert out == ["[1, 2]", "True", "True", "True", "shapes.Wrong: no 2, please True"]


def test_whatever_can_be_called_brings_its_module(project: Project) -> None:
    """Wrappers, methods, partials, instances, classes, and relative imports in a script."""
    project.write(
        "tools.py",
        """
        import functools
        @functools.lru_cache
        def cached(x): return x + 1
        @functools.singledispatch
        def dispatched(x): return x + 2
        class Adder:
            def __init__(self, by): self.by = by
            def __call__(self, x): return x + self.by
            def add(self, x): return x + self.by
            @staticmethod
            def static(x): return x + 5
            @classmethod
            def of(cls, x): return x + 6
        """,
    )

    out, _ = project.run(
        """
        import functools, tools
        several = [
            tools.cached, tools.dispatched, tools.Adder(3), tools.Adder(4).add,
            tools.Adder.static, tools.Adder.of, functools.partial(tools.Adder(0).add, 7),
        ]
        print([d.submit(each, *[0] * (i < 6)).result() for i, each in enumerate(several)])
        print([d.map(each, [0]) for each in several[:6]])
        """
    )

    assert out == ["[1, 2, 3, 4, 5, 6, 7]", "[[1], [2], [3], [4], [5], [6]]"]


def test_a_script_that_is_part_of_a_package(project: Project) -> None:
    """`python -m app`, with relative imports inside and outside of the function."""
    project.write("app/tools.py", "def add(x): return x + 1\n")
    project.write("app/__init__.py", "")
    project.write(
        "app/__main__.py",
        START
        + textwrap.dedent(
            """
            from . import tools
            def work(x):
                from .tools import add
                return add(x) + tools.add(x)
            print(d.map(work, [1]))
            d.shutdown()
            """
        ),
    )

    done = subprocess.run(
        [sys.executable, "-m", "app"], capture_output=True, text=True, cwd=project.folder
    )

    assert done.stdout == "[4]\n", done.stderr


def test_a_changed_module_travels_as_it_is_now(project: Project) -> None:
    """The owner hears that their own process still has the old one, until it reloads."""
    project.write("rates.py", "RATE = 1\ndef rate(x):\n    return x * 1\n")

    out, err = project.run(
        """
        import importlib, pathlib, sys, rates
        sys.dont_write_bytecode = True
        print(d.map(rates.rate, [5]))
        pathlib.Path(rates.__file__).write_text("RATE = 1\\ndef rate(x):\\n    return x * 100\\n")
        print(d.map(rates.rate, [5]), rates.rate(5))
        print("reload", file=sys.stderr)
        importlib.reload(rates)
        print(d.map(rates.rate, [5]), rates.rate(5))
        rates.RATE = 7
        print(d.map(lambda x: rates.RATE, [5]))
        """
    )

    before, after = err.split("reload\n")
    assert out == ["[5]", "[500] 5", "[500] 500", "[1]"]
    assert before.count("has changed since rates was imported") == 1
    assert "has changed" not in after
    assert "rates.RATE is 7 here, but 1 in rates.py, as workers see it" in after


def test_module_level_state_belongs_to_the_worker(project: Project) -> None:
    """It starts as in the file and lasts from item to item, as in any other process."""
    project.write(
        "counter.py", "count = [0]\ndef add(x):\n    count[0] += 1\n    return count[0]\n"
    )

    out, _ = project.run(
        "import counter\ncounter.add(1)\nprint(d.map(counter.add, range(3)), counter.count)"
    )

    assert out == ["[1, 2, 3] [1]"]


def test_two_versions_alternate_on_one_worker(project: Project) -> None:
    """Two streams that run at the same time, each with its own module of the same name."""
    project.write("a/rates.py", "import names\ndef rate(x): return names.NAME\n")
    project.write("a/names.py", "NAME = 'a'\n")
    project.write("b/rates.py", "import names\ndef rate(x): return names.NAME\n")
    project.write("b/names.py", "NAME = 'b'\n")

    out, _ = project.run(
        """
        import sys, pathlib
        here = pathlib.Path(__file__).parent
        def stream(folder):
            for name in ("rates", "names"):
                sys.modules.pop(name, None)
            sys.path.insert(0, str(here / folder))
            import rates
            return d.imap(rates.rate, iter(int, 1), chunk_size=1, buffersize=2)
        first, second = stream("a"), stream("b")
        print("".join(next(first) + next(second) for _ in range(10)))
        first.close(); second.close()
        """
    )

    assert out == ["ab" * 10]


def test_two_modules_of_one_name_in_one_function(project: Project) -> None:
    """The one that `import` does not give travels by value."""
    project.write("a/rates.py", "def rate(x): return 'a'\n")
    project.write("b/rates.py", "def rate(x): return 'b'\n")

    out, _ = project.run(
        """
        import sys, pathlib
        here = pathlib.Path(__file__).parent
        sys.path.insert(0, str(here / "a"))
        import rates
        first = rates.rate
        del sys.modules["rates"]
        sys.path.insert(0, str(here / "b"))
        import rates
        second = rates.rate
        print(d.map(lambda x: first(x) + second(x), [1]))
        """
    )

    assert out == ["['ab']"]


def test_a_single_file_cannot_bring_what_it_reads(project: Project) -> None:
    """The error says what to do about it."""
    project.write(
        "rates.py",
        """
        from pathlib import Path
        def rate(x): return (Path(__file__).parent / "rates.csv").read_text()
        """,
    )
    project.write("rates.csv", "1,2")

    out, _ = project.run(
        """
        import rates
        try:
            d.map(rates.rate, [1])
        except FileNotFoundError as error:
            print(error)
        """
    )

    assert out[0].startswith("[Errno 2] rates.csv has not travelled: a module that is a single")
    assert "a package (a folder with an __init__.py)" in out[0]


def test_modules_in_memory_travel_by_value(project: Project) -> None:
    """As far as possible; an import of one cannot work, and the owner hears it before."""
    out, _ = project.run(
        """
        import sys, types
        settings = types.ModuleType("settings")
        exec("factor = 3\\ndef times(x): return factor * x", settings.__dict__)
        sys.modules["settings"] = settings
        print(d.map(settings.times, [1]), d.map(lambda x: settings.times(x), [2]))
        def imports(x):
            import settings
            return settings.factor
        try:
            d.map(imports, [1])
        except TypeError as error:
            print(error)
        """
    )

    assert out[0] == "[3] [6]"
    assert out[1].startswith("the module settings was made in memory and has no file")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "colorsys.py",
            "def put(x): return x\n",
            "has the name of a module of the standard library",
        ),
        ("rates.py", "def put(x): return x\n", ""),
    ],
)
def test_a_module_with_a_name_of_the_standard_library_is_refused(
    project: Project, name: str, content: str, sentence: str
) -> None:
    """Workers need the one that Python has."""
    module = project.write(f"later/{name}", content)

    out, _ = project.run(
        f"""
        import sys
        sys.modules.pop({module.stem!r}, None)
        sys.path.insert(0, {str(module.parent)!r})
        import {module.stem} as own
        try:
            print(d.map(own.put, [1]))
        except TypeError as error:
            print(error)
        del sys.modules[{module.stem!r}], sys.path[0]
        """
    )

    assert sentence in out[0]
    assert sentence or out == ["[1]"]


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_c_extension_of_this_platform_is_imported_by_native_workers(project: Project) -> None:
    """And the owner hears that no browser can."""
    source = project.write(
        "fast.c",
        """
        #include <Python.h>
        static PyObject *twice(PyObject *self, PyObject *x) { return PyNumber_Add(x, x); }
        static PyMethodDef methods[] = {{"twice", twice, METH_O, ""}, {0}};
        static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", "", -1, methods};
        PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&module); }
        """,
    )
    target = project.folder / f"fast{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_path("include")
    subprocess.run(
        ["cc", "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(target)], check=True
    )

    out, err = project.run("import fast\nprint(d.map(fast.twice, [1, 'a']), fast.twice(2))")

    assert out == ["[2, 'aa'] 4"]
    assert "Nitocris: the own module fast is a C extension" in err
    assert "no browser can" in err


def test_nothing_is_left_in_the_temporary_folder(project: Project, tmp_path: Path) -> None:
    """Although worker processes are killed when the execution ends."""
    project.write("rates.py", "def rate(x): return __file__\n")
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    out, _ = project.run("import rates\nprint(d.map(rates.rate, [1])[0])", TMPDIR=str(temporary))

    assert out[0].startswith(str(temporary))
    assert list(temporary.iterdir()) == []
