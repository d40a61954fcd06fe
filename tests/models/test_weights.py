"""Weights files: what is read, and that nothing in them runs."""

import io
import pickle
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from convscope.errors import WeightsError
from convscope.models.weights import read_weights

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.safetensors")
    entries, notes = read_weights(tmp_path / "w.safetensors")
    assert same(entries, STATE)
    assert notes == ()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".PT"])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_tensors_are_read(tmp_path: Path, suffix: str, zipped: bool) -> None:
    path = tmp_path / f"w{suffix}"
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    assert same(read_weights(path)[0], STATE)


@pytest.mark.parametrize("nest", ["state_dict", "model_state_dict", "model"])
def test_checkpoints_are_unwrapped_and_the_rest_is_noted(tmp_path: Path, nest: str) -> None:
    torch.save({nest: STATE, "epoch": 3, "optimizer": {}}, tmp_path / "w.pt")
    entries, notes = read_weights(tmp_path / "w.pt")
    assert same(entries, STATE)
    assert notes == (f"weights are the entry '{nest}' of w.pt; left unread: epoch, optimizer",)


def test_nests_in_nests_are_unwrapped(tmp_path: Path) -> None:
    torch.save({"model": {"state_dict": STATE}}, tmp_path / "w.pt")
    entries, notes = read_weights(tmp_path / "w.pt")
    assert same(entries, STATE)
    assert notes == ()


class Payload:
    """Unpickling it writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.target), "w")


def test_the_payload_of_the_next_test_does_write_when_run(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "written"))).close()
    assert (tmp_path / "written").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, zipped: bool) -> None:
    content = STATE | {"x": Payload(tmp_path / "written")}
    torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"can run code .*io.open was not an allowed.*safetensors"):
        read_weights(tmp_path / "w.pt")
    assert not (tmp_path / "written").exists()


def test_a_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="can run code"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.pth", "w.ckpt"])
@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", b"PK\x03\x04nonsense", b"\xff" * 64, b'\x08\0\0\0\0\0\0\0{"a":{}}', b"\x80\x02}."],
)
def test_damaged_files_are_weights_errors(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=name):
        read_weights(tmp_path / name)


def test_truncated_files_are_weights_errors(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.safetensors")
    torch.save(STATE, tmp_path / "w.pt")
    for path in (tmp_path / "w.safetensors", tmp_path / "w.pt"):
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(WeightsError, match=path.name):
            read_weights(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a": 3}, r"a \(int\)"),
        ({}, "met nothing"),
        ([torch.ones(1)], "holds a list"),
        ({"state_dict": {"a": "text"}}, r"a \(str\)"),
    ],
)
def test_what_is_not_a_table_of_tensors_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=words):
        read_weights(tmp_path / "w.pt")


def test_missing_files_folders_and_unknown_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").touch()
    (tmp_path / "folder.pt").mkdir()
    for name, words in (
        ("w.onnx", "must end in"),
        ("none.pt", "no weights file"),
        ("folder.pt", "is a folder, expected a regular file"),
    ):
        with pytest.raises(WeightsError, match=words):
            read_weights(tmp_path / name)


def legacy(body: bytes) -> bytes:
    """A file as torch wrote it before version 1.6, with a pickle of our own in place of the weights."""
    before = io.BytesIO()
    torch.save({}, before, _use_new_zipfile_serialization=False)
    first = b"".join(pickle.dumps(each, protocol=2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    assert before.getvalue().startswith(first[:20])
    return first + body


def zipped(body: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("w/data.pkl", body)
        archive.writestr("w/version", b"3")
    return buffer.getvalue()


@pytest.mark.parametrize("form", [legacy, zipped])
@pytest.mark.parametrize("name", [b"x" * 200_000, b"\xc3\xa9" * 100_000], ids=["long", "not ASCII"])
def test_names_that_would_take_torch_minutes_to_refuse(
    form: Callable[[bytes], bytes], name: bytes, tmp_path: Path
) -> None:
    (tmp_path / "w.pt").write_bytes(form(b"\x80\x02ctorch\n" + name + b"\n)R."))
    started = time.process_time()
    with pytest.raises(WeightsError, match=r"w\.pt was refused.*names a class by more than.*save_file"):
        read_weights(tmp_path / "w.pt")
    assert time.process_time() - started < 5


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".npy", ".npz", ".joblib", ".onnx", ".h5"])
def test_other_files_are_refused_with_the_way_to_a_safe_one(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"w{suffix}").write_bytes(pickle.dumps(STATE))
    with pytest.raises(WeightsError, match=r"must end in \.safetensors, .*safetensors\.torch\.save_file"):
        read_weights(tmp_path / f"w{suffix}")
