"""The journal's file: whatever has happened to it, no wrong value comes out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nitocris import ConfigurationError, DistributedExecution, JournalError
from nitocris.journal import FORMAT, Journal, Row

ROWS = {sha256(b"%d" % n).digest(): b"value %d" % n * (n % 3 + 1) for n in range(6)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.nitocris"


def fill(path: Path) -> None:
    with closing(Journal(path)) as journal:
        number = journal.function(b"fingerprint", "f").number
        for key, value in ROWS.items():
            journal.put(Row(key, number, b"item", value))


def found(path: Path) -> dict[bytes, bytes]:
    """Returns what a journal gives, and sees that the other ways to read it bear any damage."""
    with closing(Journal(path)) as journal:
        for read in (journal.summaries, lambda: list(journal.rows())):
            with suppress(JournalError):
                read()
        return {key: value for key in ROWS if (value := journal.get(key)) is not None}


def test_results_outlive_the_file_object(path: Path) -> None:
    """Each by its key, and nothing for another key."""
    fill(path)

    assert found(path) == ROWS
    with closing(Journal(path)) as journal:
        assert journal.get(b"another") is None
        assert journal.function(b"fingerprint", "f").results == len(ROWS)
        assert not journal.function(b"new", "g").has_changed
        assert not journal.function(b"another one in this process", "f").has_changed
    with closing(Journal(path)) as journal:
        assert journal.function(b"newer", "f").has_changed


def small(path: Path) -> bytes:
    """Returns a whole journal of few bytes, so that every one can be damaged."""
    fill(path)
    with closing(sqlite3.connect(path)) as file:
        for pragma in ("journal_mode = DELETE", "page_size = 512"):
            file.execute(f"PRAGMA {pragma}").fetchall()
        file.execute("VACUUM")
        file.commit()
    return path.read_bytes()


def left(path: Path, content: bytes, wal: bytes = b"") -> dict[bytes, bytes] | None:
    """Returns what a damaged journal gives, None if it says clearly that it cannot be read."""
    path.write_bytes(content)
    log = path.with_name(f"{path.name}-wal")
    log.unlink(missing_ok=True)
    if wal:
        log.write_bytes(wal)
    try:
        return found(path)
    except (JournalError, ConfigurationError) as error:
        if str(path) not in str(error):
            raise
        return None


def check(results: Iterator[dict[bytes, bytes] | None]) -> tuple[int, int]:
    """Sees that no value is wrong; returns how many journals opened, and how many values came."""
    opened = values = 0
    for result in results:
        if result is not None:
            opened += 1
            values += len(result)
            assert result.items() <= ROWS.items()
    return opened, values


def test_a_flipped_byte_makes_no_wrong_value(path: Path, in_memory: Path) -> None:
    """Each byte of the file, one after another: what is whole is there, or one clear error."""
    whole = small(path)

    def damaged() -> Iterator[dict[bytes, bytes] | None]:
        for place in range(len(whole)):
            broken = bytearray(whole)
            broken[place] ^= 0xFF
            yield left(in_memory, bytes(broken))

    opened, values = check(damaged())

    assert opened > len(whole) * 0.7
    assert values > opened * len(ROWS) * 0.8


def test_a_truncated_file_makes_no_wrong_value(path: Path, in_memory: Path) -> None:
    """At every byte; an empty file is a new journal."""
    whole = small(path)

    check(left(in_memory, whole[:size]) for size in range(len(whole)))

    assert left(in_memory, b"") == {}
    assert left(in_memory, whole) == ROWS


def test_the_log_of_a_killed_owner_may_be_damaged(path: Path, in_memory: Path) -> None:
    """Cut or flipped, it gives what was written before that place."""
    journal = Journal(path)
    number = journal.function(b"fingerprint", "f").number
    for key, value in ROWS.items():
        journal.put(Row(key, number, b"item", value))
        journal.commit()
    content, wal = path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()
    journal.close()

    def damaged() -> Iterator[dict[bytes, bytes] | None]:
        for place in range(0, len(wal), 97):
            yield left(in_memory, content, wal[:place])
            broken = bytearray(wal)
            broken[place] ^= 0xFF
            yield left(in_memory, content, bytes(broken))

    opened, values = check(damaged())

    assert 0 < values < opened * len(ROWS)
    assert left(in_memory, content, wal) == ROWS


@pytest.fixture
def in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A path whose file is opened without waiting for a disk: some thousand times, that counts."""
    connect = sqlite3.connect

    class Hasty(sqlite3.Connection):
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            hasty = sql.replace("synchronous = FULL", "synchronous = OFF")
            return super().execute(hasty, *parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(
        "nitocris.journal.sqlite3.connect",
        lambda *arguments, **options: connect(*arguments, factory=Hasty, **options),
    )
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path / "damaged.nitocris"
        return
    with TemporaryDirectory(dir=memory) as folder:
        yield Path(folder) / "damaged.nitocris"


def test_a_journal_is_open_once(path: Path) -> None:
    """The second owner is told; the first one's end frees it."""
    with (
        closing(Journal(path)),
        pytest.raises(JournalError, match=r"run.nitocris is in use by another execution"),
    ):
        Journal(path)

    Journal(path).close()


def test_files_of_others(path: Path) -> None:
    """Another program's, another format's, no SQLite at all: a sentence, and no byte is changed."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="belongs to another program"):
        Journal(path)
    assert path.read_bytes() == before

    path.unlink()
    fill(path)
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(JournalError, match=f"has format {FORMAT + 1}"):
        Journal(path)

    path.write_text("x = 1\n" * 1000)
    with pytest.raises(JournalError, match="is damaged, or no journal"):
        Journal(path)


def test_places_where_no_journal_can_be(tmp_path: Path) -> None:
    """A sentence when the execution starts."""

    def start(journal: str | Path, **options: object) -> None:
        DistributedExecution(journal=journal, host="127.0.0.1", progress=False, **options).stats()  # type: ignore[arg-type]

    with pytest.raises(ConfigurationError, match="is a folder"):
        start(tmp_path)
    with pytest.raises(ConfigurationError, match=r"there is no folder .*nowhere"):
        start(tmp_path / "nowhere" / "run.nitocris")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        start("/proc/run.nitocris")
    with pytest.raises(ConfigurationError, match="durability='never' is not known"):
        start(tmp_path / "run.nitocris", durability="never")
    with pytest.raises(ConfigurationError, match="plain data only"):
        start(tmp_path / "run.nitocris", results="pickle")
