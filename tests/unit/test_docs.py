"""Do the examples in the documentation work?"""

import re
from pathlib import Path

import pytest

from sim.mapping.nest import Mapping
from sim.schema.architecture import read_architecture
from sim.schema.dataflow import read_dataflow
from sim.schema.kind import kind_of
from sim.schema.mapping import read_mappings
from sim.schema.workload import read_workload

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("architectures", "dataflows")
_BLOCK = re.compile(r"^```yaml\n(# (\S+)\n.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> dict[str, str]:
    """The YAML examples of a page by the file name in their first line."""
    return {name: text for text, name in _BLOCK.findall((DOCS / f"{page}.md").read_text(encoding="utf-8"))}


EXAMPLES = [(page, name) for page in PAGES for name in blocks(page)]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes all examples of a page into one folder, as they build on each other."""

    def write(page: str) -> None:
        monkeypatch.chdir(tmp_path)
        for name, text in blocks(page).items():
            Path(name).write_text(text, encoding="utf-8")

    return write


def test_every_yaml_block_is_found():
    for page in PAGES:
        assert len(blocks(page)) == (DOCS / f"{page}.md").read_text(encoding="utf-8").count("```yaml")
    assert len(EXAMPLES) == 10


@pytest.mark.parametrize(("page", "name"), EXAMPLES)
def test_an_example_loads(write, page: str, name: str):
    write(page)
    if name == "nest.yaml":
        assert isinstance(read_mappings(name)["conv"], Mapping)
        return
    readers = {"arch_configs": read_architecture, "workloads": read_workload, "dataflows": read_dataflow}
    assert readers[kind_of(name)](name).name == name.removesuffix(".yaml")


def test_what_the_steps_build(write):
    write("architectures")
    assert [read_architecture(f"step{i}.yaml").pes for i in range(1, 7)] == [1, 1, 16, 64, 64, 128]
    last = [node.name for node in read_architecture("step6.yaml")]
    assert last == ["dram", "buffer", "array", "cluster_buffer", "lanes", "dequantizer", "weight_register", "mac"]


def test_overrides_that_the_page_names(write):
    write("architectures")
    wide = read_architecture("step4.yaml", ["side=16", "buffer.size=64KiB", "array.links.weights.multicast=false"])
    assert wide.pes == 256
    assert wide["buffer"].size_bits == 64 * 8192
    assert wide["buffer"].read_bandwidth == 2 * 16 * 16
    assert not wide["array"].link("weights", "weights").multicast


def test_every_key_is_explained():
    from sim.schema import architecture as schema
    from sim.schema import costs

    text = (DOCS / "architectures.md").read_text(encoding="utf-8")
    models = [schema.ArchitectureText, schema.MemoryEntry, schema.LinkText, schema.FanoutEntry, schema.ConverterEntry]
    models += [schema.ComputeEntry, schema.CompressionText, schema.SavingText, costs.ReadWriteEnergy]
    models += [costs.WordEnergy, costs.OperationEnergy]
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", text)] == []


def test_the_drawing_is_what_the_command_prints(write, capsys: pytest.CaptureFixture[str]):
    from sim.cli import main

    write("dataflows")
    command = "nest --arch four.yaml --workload line.yaml --layer conv --mapping nest.yaml"
    assert command in (DOCS / "dataflows.md").read_text(encoding="utf-8")
    assert main(command.split()) == 0
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    drawn = (DOCS / "dataflows.md").read_text(encoding="utf-8").partition("```text\n")[2].partition("\n```")[0]
    assert drawn in printed
