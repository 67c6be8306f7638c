"""Objects in stores that fail now and then: tried again, never half there, never lost silently."""

import errno

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from roadex.errors import OutputError
from roadex.probability import object_store as objects
from roadex.probability.object_store import ATTEMPTS, ObjectStore


class Moody(MemoryFileSystem):
    """A store in memory whose operations raise what they are told to, then work."""

    protocol = ("moody",)
    store: dict = {}  # noqa: RUF012 - as in the class above
    pseudo_dirs = [""]  # noqa: RUF012
    troubles: list = []  # noqa: RUF012

    def _grumble(self):
        if self.troubles:
            raise self.troubles.pop(0)

    def pipe_file(self, path, value, **options):
        self._grumble()
        return super().pipe_file(path, value, **options)

    def cat_file(self, path, **options):
        self._grumble()
        return super().cat_file(path, **options)

    def ls(self, path, **options):
        self._grumble()
        return super().ls(path, **options)


@pytest.fixture
def store(monkeypatch):
    fsspec.register_implementation("moody", Moody, clobber=True)
    monkeypatch.setattr(objects, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(Moody, "troubles", [])
    store = ObjectStore("moody://tiles")
    yield store
    Moody.troubles.clear()
    store.remove()


TRANSIENT = [
    OSError("500 Internal Server Error"),
    TimeoutError("no answer"),
    OSError(errno.ESTALE, "Stale file handle"),
    ConnectionResetError("reset"),
]


@pytest.mark.parametrize("trouble", TRANSIENT, ids=str)
def test_what_goes_wrong_for_a_moment_is_tried_again(store, trouble):
    Moody.troubles.extend([trouble] * (ATTEMPTS - 1))
    store.put("a", b"content")
    Moody.troubles.extend([trouble] * (ATTEMPTS - 1))
    assert store.get("a") == b"content"
    Moody.troubles.append(trouble)
    assert store.names() == {"a"}


def test_a_store_that_does_not_answer_is_an_error_not_a_missing_object(store):
    store.put("a", b"content")
    Moody.troubles.extend([TimeoutError("no answer")] * ATTEMPTS)
    with pytest.raises(OutputError, match="cannot read a from moody://tiles: no answer"):
        store.get("a")
    assert store.get("b") is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_what_lasts_is_said_at_once(store, number):
    Moody.troubles.append(OSError(number, "so it is"))
    with pytest.raises(OutputError, match="so it is"):
        store.put("a", b"content")
    assert not Moody.troubles


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    ObjectStore(str(tmp_path)).put("a", b"before")
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        ObjectStore(str(tmp_path)).put("a", b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"before"


@pytest.mark.parametrize("url", ["nosuch://bucket/x", "abfs://bucket/x"])
def test_an_unknown_kind_of_store_is_one_line(url):
    with pytest.raises(OutputError, match=r"cannot list") as error:
        ObjectStore(url).names()
    assert "\n" not in str(error.value)
