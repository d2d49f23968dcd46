"""Are shipped files found by name wherever the program is installed?"""

from pathlib import Path

import pytest

from sim.arch import library
from sim.arch.library import LibraryError, find, known, names


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout: the package and the folders side by side."""
    (tmp_path / "sim").mkdir()
    for name in ("eyeriss", "tpu", "variants/small"):
        file = tmp_path / "arch_configs" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    monkeypatch.setattr(library, "_PACKAGE", tmp_path / "sim")
    return tmp_path


def test_names_in_alphabetical_order(checkout: Path):
    assert names("arch_configs") == ["eyeriss", "tpu", "variants/small"]


def test_a_folder_that_is_not_there_has_no_names(checkout: Path):
    assert names("dataflows") == []


@pytest.mark.parametrize("name", ["eyeriss", "eyeriss.yaml", "variants/small"])
def test_a_shipped_name_with_or_without_its_ending(checkout: Path, name: str):
    assert find("arch_configs", name) == checkout / "arch_configs" / f"{name.removesuffix('.yaml')}.yaml"


def test_an_existing_path_wins(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(checkout)
    Path("eyeriss.yaml").write_text("")
    assert find("arch_configs", "eyeriss.yaml") == Path("eyeriss.yaml")
    assert find("arch_configs", "eyeriss") == checkout / "arch_configs" / "eyeriss.yaml"


def test_in_an_installed_wheel_the_folders_are_inside_the_package(checkout: Path):
    inside = checkout / "sim" / "_data" / "arch_configs" / "installed.yaml"
    inside.parent.mkdir(parents=True)
    inside.write_text("")
    assert names("arch_configs") == ["installed"]
    assert find("arch_configs", "installed") == inside


def test_a_name_that_nothing_has(checkout: Path):
    with pytest.raises(LibraryError) as error:
        find("arch_configs", "eyeris")
    assert str(error.value) == (
        "no architecture 'eyeris': it is neither a file nor a shipped name; "
        "did you mean 'eyeriss'? `tilenest list` shows all names"
    )


def test_a_name_cannot_leave_the_folder(checkout: Path):
    (checkout / "secret.yaml").write_text("")
    with pytest.raises(LibraryError):
        find("arch_configs", "../secret")


def test_a_trained_model_is_a_workload_too(checkout: Path):
    for file in ("workloads/alexnet.yaml", "workloads/models/small.onnx", "workloads/datasets/some.npz"):
        (checkout / file).parent.mkdir(parents=True, exist_ok=True)
        (checkout / file).write_text("")
    assert (names("workloads"), known("workloads")) == (["alexnet"], ["alexnet", "small"])
    model = checkout / "workloads" / "models" / "small.onnx"
    for name in ("small", "small.onnx"):
        assert find("workloads", name) == find("workloads/models", name) == model
    assert find("workloads/datasets", "some") == checkout / "workloads" / "datasets" / "some.npz"
    with pytest.raises(LibraryError, match="did you mean 'small'"):
        find("workloads", "smal")
