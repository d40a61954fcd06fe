"""Sets in stores: memory, a web server and an S3 server on this machine; what they refuse; what messages tell."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convscope.errors import ImageError, ImageSetError, MissingExtraError
from convscope.images import ImageSet, patterns, remote, webfiles
from convscope.images.remote import SCHEMES, is_address, remote_file, shown
from tests.images.make import encoded, noise
from tests.images.stores import Buckets, Files, Store, running
from tests.images.test_shards import shard

PIXELS = [noise(4, 5, 3, seed=seed) for seed in range(4)]
IMAGES = [encoded(pixels) for pixels in PIXELS]
NAMES = ("ant/a b#0.png", "ant/ü%1.png", "bee/2.png", "bee/3.png")


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A folder of images, a list, and shards of both kinds, below ``/bucket``."""
    root = tmp_path_factory.mktemp("remote")
    pq.write_table(pa.table({"image": IMAGES, "label": [1, 0, 1, 0]}), root / "rows.parquet", row_group_size=2)
    path = shard(
        root / "tar", {name: image for image, name in zip(IMAGES, "0.png 1.png 2.png 3.png".split(), strict=True)}
    )
    made = {f"/bucket/set/{name}": image for name, image in zip(NAMES, IMAGES, strict=True)}
    made |= {"/bucket/set/list.txt": f"{NAMES[0]}\tx\n{NAMES[1]}\ty\nmissing.png\tx\n".encode()}
    made |= {"/bucket/set/.hidden/5.png": b"", "/bucket/set/README": b"about"}
    made |= {f"/bucket/shards/train-{number}.tar": path.read_bytes() for number in range(2)}
    made |= {f"/bucket/rows/part-{number}.parquet": (root / "rows.parquet").read_bytes() for number in range(2)}
    return made | {"/bucket/empty.png": b"", "/bucket/one.png": IMAGES[0]}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https"):
        monkeypatch.setitem(SCHEMES, scheme, SCHEMES[scheme]._replace(pauses=(0.0, 0.0)))


@pytest.fixture
def web(content: Files) -> Iterator[Store]:
    with running(Store(dict(content))) as store:
        yield store


@pytest.fixture
def buckets(content: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    with running(Buckets(dict(content))) as store:
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        remote._file_system.cache_clear()
        yield store
        remote._file_system.cache_clear()


@pytest.fixture
def memory(content: Files) -> Iterator[str]:
    system = fsspec.filesystem("memory")
    system.store.clear()
    for name, inside in content.items():
        system.pipe_file(name, inside)
    yield "memory://"
    system.store.clear()


@pytest.fixture(params=["memory", "web", "buckets"])
def address(request: pytest.FixtureRequest) -> str:
    """Where ``bucket`` is, in each kind of store."""
    store = request.getfixturevalue(request.param)
    return {"memory": "memory://bucket", "buckets": "s3://bucket"}.get(request.param) or f"{store.address}/bucket"


def test_a_folder(address: str, tmp_path: Path) -> None:
    images = ImageSet.open(f"{address}/set")
    assert images.name == "set"
    assert images.names == NAMES
    assert images.labels == ("ant", "ant", "bee", "bee")
    for index in (3, 0, 2, 1):
        np.testing.assert_array_equal(images.read(index), PIXELS[index])
    for name, inside in zip(NAMES, IMAGES, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(inside)
    assert images.digest == ImageSet.open(tmp_path).digest  # of content, not of place


def test_a_path_takes_a_slash_away(address: str) -> None:
    assert ImageSet.open(Path(f"{address}/set/")).names == NAMES


def test_a_list(address: str) -> None:
    images = ImageSet.open(f"{address}/set/list.txt")
    assert images.name == "list"
    assert images.names == (*NAMES[:2], "missing.png")
    assert images.labels == ("x", "y", "x")
    np.testing.assert_array_equal(images.read(1), PIXELS[1])
    with pytest.raises(ImageError, match=r"^no such file$"):
        images.read(2)


def test_shards_and_tables(address: str) -> None:
    tar = ImageSet.open(f"{address}/shards")
    assert tar.names == tuple(f"train-{shard}/{number}.png" for shard in range(2) for number in range(4))
    rows = ImageSet.open(f"{address}/rows")
    assert rows.names == tuple(f"part-{file}/{number}" for file in range(2) for number in range(4))
    assert rows.labels == ("1", "0", "1", "0") * 2
    for images in (tar, rows):
        for index in (7, 0, 3, 5):
            np.testing.assert_array_equal(images.read(index), PIXELS[index % 4])
    for pattern in ("shards/train-{0..1}.tar", "shards/*.tar"):
        assert ImageSet.open(f"{address}/{pattern}").digest == tar.digest
    assert ImageSet.open(f"{address}/shards/train-0.tar").names == tar.names[:4]
    assert ImageSet.open(f"{address}/rows/part-0.parquet").names == ("0", "1", "2", "3")


def test_one_image_and_an_empty_one(address: str) -> None:
    images = ImageSet.open(f"{address}/one.png")
    assert (images.name, images.names) == ("one.png", ("one.png",))
    np.testing.assert_array_equal(images.read(0), PIXELS[0])
    with pytest.raises(ImageError, match="the file is empty"):
        ImageSet.open(f"{address}/empty.png").read(0)


def test_nothing_there(address: str) -> None:
    with pytest.raises(ImageSetError, match=r"holds no image|no such file"):
        ImageSet.open(f"{address}/nothing")
    for name in ("nothing.txt", "nothing.parquet", "nothing.tar"):
        with pytest.raises(ImageSetError, match=rf"{address}/{name} cannot be read: no such file"):
            ImageSet.open(f"{address}/{name}")
    with pytest.raises(ImageSetError, match="stands for 0 files"):
        ImageSet.open(f"{address}/shards/other-*.tar")


def test_a_file_that_is_too_large(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FILE_LIMIT", len(IMAGES[0]) - 1)
    with pytest.raises(ImageError, match="a file of more than"):
        ImageSet.open(f"{address}/one.png").read(0)


def test_a_shard_that_changed(web: Store) -> None:
    images = ImageSet.open(f"{web.address}/bucket/shards/train-0.tar")
    table = ImageSet.open(f"{web.address}/bucket/rows/part-0.parquet")
    changed = bytearray(web.files["/bucket/shards/train-0.tar"])
    changed[0] ^= 1
    web.files["/bucket/shards/train-0.tar"] = bytes(changed)
    web.files["/bucket/rows/part-0.parquet"] += b"\0"
    with pytest.raises(ImageError, match="the shard has changed since the set was opened"):
        images.read(0)
    with pytest.raises(ImageError, match="the Parquet file has changed since the set was opened"):
        table.read(0)


def test_entries_are_read_by_another_process(web: Store) -> None:
    sets = [ImageSet.open(f"{web.address}/bucket/{name}") for name in ("set", "shards", "rows")]
    pixels = [images.read(1).tolist() for images in sets]
    code = "import pickle, sys; print([s.read(1).tolist() for s in pickle.load(sys.stdin.buffer)])"
    result = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(sets), stdout=subprocess.PIPE, check=True)
    assert result.stdout.decode().strip() == str(pixels)


def test_a_fork_reads_through_a_connection_of_its_own(web: Store) -> None:
    images = ImageSet.open(f"{web.address}/bucket/set")
    assert images.read(0).shape == (4, 5, 3)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if np.array_equal(images.read(2), PIXELS[2]) else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(images.read(3), PIXELS[3])


# What a store refuses, and what is told of it.


@pytest.mark.parametrize(
    ("answer", "image", "source"),
    [
        ((403, "AccessDenied"), "no permission to read the file", "no permission.*AWS_ACCESS_KEY_ID"),
        ((404, "NoSuchKey"), "no such file", "no such file"),
    ],
)
def test_s3_of_one_file(buckets: Store, answer: tuple[int, str], image: str, source: str) -> None:
    buckets.answering = answer
    with pytest.raises(ImageError, match=f"^{image}$"):
        ImageSet.open("s3://bucket/one.png").read(0)
    with pytest.raises(ImageSetError, match=rf"^s3://bucket/set/list\.txt cannot be read: {source}"):
        ImageSet.open("s3://bucket/set/list.txt")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((403, "ExpiredToken"), "does not accept the credentials.*AWS_PROFILE"),
        ((403, "SignatureDoesNotMatch"), "does not accept the credentials"),
        ((403, "AccountProblem"), "does not accept the credentials"),
        ((404, "NoSuchBucket"), "there is no such bucket"),
    ],
)
def test_s3_of_the_store_as_a_whole_is_no_bad_image(buckets: Store, answer: tuple[int, str], message: str) -> None:
    images = ImageSet.open("s3://bucket/one.png")
    buckets.answering = answer
    for ask in (lambda: images.read(0), lambda: ImageSet.open("s3://bucket/set"), lambda: images.digest):
        with pytest.raises(ImageSetError, match=rf"^s3://bucket/.*{message}") as caught:
            ask()
        assert "s3cr3t" not in str(caught.value)
        assert "secret-in-message" not in str(caught.value)


@pytest.mark.parametrize("files", ["{a,a}.tar", "{0..99999}-{0..9}.tar"])
def test_an_error_of_a_pattern_shows_no_credentials(files: str) -> None:
    with pytest.raises(ImageSetError) as caught:
        ImageSet.open(f"https://user:secret@host/{files}?token=secret")
    assert "secret" not in str(caught.value)


def test_an_error_of_a_list_shows_no_credentials(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("https://user:secret@host/a.png?token=secret\ta\tb\n")
    with pytest.raises(ImageSetError, match="Line 1 of the list") as caught:
        ImageSet.open(tmp_path / "list.txt")
    assert "secret" not in str(caught.value)


def test_names_hold_no_credentials() -> None:
    found = patterns.remote_files("https://user:secret@{one,two}/a.tar?token=first.secret")
    assert [name for name, _ in found] == ["one/a", "two/a"]
    assert [file.name for _, file in found] == ["a.tar", "a.tar"]


def test_s3_without_credentials(buckets: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ImageSetError, match=r"s3://bucket/set cannot be read: no credentials were found\. Credentials"):
        ImageSet.open("s3://bucket/set")


@pytest.mark.parametrize("status", [500, 503, 429, 418])
def test_a_server_that_fails_is_asked_again_and_is_no_bad_image(web: Store, status: int) -> None:
    images = ImageSet.open(f"{web.address}/bucket/one.png?token=s3cr3t")
    web.answering = (status, "")
    web.asked.clear()
    with pytest.raises(ImageSetError, match=r"/bucket/one\.png\?… cannot be read: the store does not answer") as caught:
        images.read(0)
    assert len(web.asked) == 3
    assert "s3cr3t" not in str(caught.value)
    web.answering = None
    np.testing.assert_array_equal(images.read(0), PIXELS[0])


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "no permission to read the file"), (404, "no such file"), (410, "no such file")],
)
def test_a_server_that_refuses_one_file(web: Store, status: int, reason: str) -> None:
    web.answering = (status, "")
    with pytest.raises(ImageError, match=f"^{reason}$"):
        ImageSet.open(f"{web.address}/bucket/one.png").read(0)
    assert len(web.asked) == 1


def test_a_server_that_wants_credentials(web: Store) -> None:
    web.answering = (401, "")
    address = web.address.replace("//", "//user:s3cr3t@")
    told = rf"^{web.address}/bucket/one\.png\?… .*signed one, it may have expired"
    with pytest.raises(ImageSetError, match=told) as caught:
        ImageSet.open(f"{address}/bucket/one.png?sig=s3cr3t").read(0)
    assert "s3cr3t" not in str(caught.value)


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ImageSetError, match="the store does not answer as it should"):
            ImageSet.open(f"http://127.0.0.1:{taken.getsockname()[1]}/set")


def test_a_server_without_ranges(web: Store) -> None:
    web.ranges = False
    np.testing.assert_array_equal(ImageSet.open(f"{web.address}/bucket/one.png").read(0), PIXELS[0])
    with pytest.raises(ImageError, match="does not answer range requests"):
        ImageSet.open(f"{web.address}/bucket/shards/train-0.tar").read(3)


def test_pages_that_never_end(web: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def deeper(path: str, headers: object) -> tuple[int, dict[str, str], bytes]:
        return (
            200,
            {},
            b'<a href="a/"></a><a href="../../up.png"></a><a href="//elsewhere/x.png"></a><a href="x.png"></a>',
        )

    monkeypatch.setattr(web, "answer", deeper)
    with pytest.raises(ImageSetError, match=f"folders in folders more than {webfiles.DEPTH} deep"):
        ImageSet.open(f"{web.address}/set")
    assert all(path.startswith("/set/") for _, path, _ in web.asked)
    monkeypatch.setattr(webfiles, "PAGE_LIMIT", 10)
    with pytest.raises(ImageSetError, match="a page of more than 10 bytes"):
        ImageSet.open(f"{web.address}/set")


# Addresses and lists that nobody vouches for.


@pytest.mark.parametrize(
    "line",
    [
        "../secret.png",
        "a/../../secret.png",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1/x.png",
        "s3:/other/x.png",
        "a\0.png",
    ],
)
def test_a_list_in_a_store_leads_nowhere_else(memory: str, line: str) -> None:
    fsspec.filesystem("memory").pipe_file("/bucket/set/bad.txt", f"ant/a.png\n{line}\n".encode())
    with pytest.raises(
        ImageSetError, match=r"The list memory://bucket/set/bad\.txt names .* in its own folder and below"
    ):
        ImageSet.open("memory://bucket/set/bad.txt")


def test_a_list_here_may_name_addresses(memory: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("memory://bucket/one.png\tx\nhttps://u:s3cr3t@h/x.png?sig=s3cr3t\n")
    images = ImageSet.open(tmp_path / "list.txt")
    assert images.names == ("memory://bucket/one.png", "https://h/x.png?…")
    np.testing.assert_array_equal(images.read(0), PIXELS[0])
    (tmp_path / "list.txt").write_text("a.png\nssh://host/x.png\n")
    with pytest.raises(ImageSetError, match=r"Line 2 of the list .*: 'ssh://host/x\.png' is no address that is read"):
        ImageSet.open(tmp_path / "list.txt")


@pytest.mark.parametrize(
    "text",
    [
        "ftp://h/x",
        "file:///etc/passwd",
        "simplecache::s3://b/x",
        "zip://x.png::http://h/a.zip",
        "python://x",
        "reference://x",
        "s3://b/\n",
    ],
)
def test_addresses_that_are_not_read(text: str) -> None:
    assert is_address(text)
    with pytest.raises(ImageSetError, match=r"is no address that is read|control character"):
        ImageSet.open(text)


@pytest.mark.parametrize("text", ["C:/photos", "photos", "./s3/x", "a:b", "s3", "s3:", "odd:/x"])
def test_paths_that_are_no_addresses(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://user:password@host/a.png?X-Amz-Signature=abc#d", "https://host/a.png?…"),
        ("HTTPS://token@host?b", "HTTPS://host?…"),
        ("ftp://user:password@host/a?token", "ftp://host/a?…"),
        ("s3://bucket/a?b#c@d", "s3://bucket/a?b#c@d"),
        ("http:/user@host/a@b", "http:/host/a@b"),
    ],
)
def test_what_is_shown_of_an_address(address: str, expected: str) -> None:
    assert shown(address) == expected


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises((MissingExtraError, ModuleNotFoundError), match="gcsfs") as caught:
        remote_file("gs://bucket/x.png").read()
    assert "convscope[remote]" in str(caught.value)
