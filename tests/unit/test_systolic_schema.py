"""Are machines with systolic arrays, SCALE-Sim's configurations and its topologies read, and mistakes told?"""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest

import sim
from sim.arch.systolic import SystolicMachine
from sim.engines.systolic import evaluate
from sim.errors import ConfigError, MappingError, RoomError, UnsupportedOp
from sim.mapping.nest import Mapping
from sim.schema.architecture import read_architecture
from sim.schema.workload import read_workload
from sim.workload.layer import Layer

MACHINE = """\
name: mine
class: systolic
clock: 100 MHz
systolic: {dataflow: ws}
hierarchy:
  - {memory: dram, size: unbounded, burst: 64 B, latency: 100 ns, bandwidth: 8 B/cycle}
  - {memory: unified, size: 4 KiB, keeps: [inputs, outputs]}
  - {memory: weight_sram, size: 4 KiB, keeps: weights}
  - {fanout: array, x: 4, y: 8}
  - compute: mac
"""

CFG = """\
[general]
run_name = mine

[architecture_presets]
ArrayHeight:    16
ArrayWidth:     8
IfmapSramSzkB:  4
FilterSramSzkB: 2
OfmapSramSzkB:  1
IfmapOffset:    0
Dataflow : os
Bandwidth : 10

[run_presets]
InterfaceBandwidth: CALC
"""

CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
GEMM = "Layer, M, N, K,\n"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is said of a file: the messages, without what stands around them."""
    monkeypatch.chdir(tmp_path)

    def told(name: str, text: str, *sets: str) -> list[str]:
        Path(name).write_text(text, encoding="utf-8")
        reader = read_workload if name.endswith(".csv") else read_architecture
        with pytest.raises(ConfigError) as caught:
            reader(name, sets=sets)
        return [problem.render() for problem in caught.value.problems]

    return told


def test_parts_of_a_machine(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(MACHINE)
    machine = SystolicMachine.of(read_architecture(file))
    assert (machine.array.y, machine.array.x, machine.registers) == (8, 4, None)
    assert (machine.dram.burst_bits, machine.dram.latency_cycles, machine.dram.bandwidth) == (512, 10, 64)
    assert machine.sram("inputs") is machine.sram("outputs")
    assert machine.half_bits("inputs") == 4 * 8192 / 4  # it shares the memory with the outputs
    assert machine.half_bits("weights") == 4 * 8192 / 2
    assert (machine.settings.timing, machine.settings.overlap) == ("tilenest", True)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "dataflow: ws",
            "dataflow: wz",
            "mine.yaml:4:22: systolic.dataflow is 'wz'\n  systolic: {dataflow: wz}\n                       ^\n"
            "  expected: 'os', 'ws' or 'is'\n  did you mean 'ws'?",
        ),
        ("systolic: {dataflow: ws}\n", "", "must say how its array works"),
        ("class: systolic\n", "", "mine.yaml:3:1: a machine of class spatial is no systolic array"),
        ("clock", "dataflow: weight_stationary\nclock", "mine.yaml:3:1: the dataflow of a machine of class systolic"),
        ("keeps: weights}", "keeps: inputs}", "no memory between dram and the array keeps weights"),
        ("keeps: weights}", "keeps: all}", "mine.yaml:8:5: unified keeps inputs already"),
        ("  - {fanout: array, x: 4, y: 8}\n", "", "a systolic array is one fanout, and there are 0"),
        ("  - compute", "  - {fanout: more, x: 2}\n  - compute", "mine.yaml:10:5: a systolic array is one fanout"),
        (
            "  - compute",
            "  - converter: adc\n  - compute",
            "mine.yaml:10:5: adc: the engine for class systolic knows no",
        ),
        ("weight_sram, size: 4 KiB", "weight_sram, size: unbounded", "mine.yaml:8:5: weight_sram has no limit"),
        ("burst: 64 B", "burst: 64", "mine.yaml:6:44:"),
        ("latency: 100 ns", "latency: 100 MHz", "a time or a number of clock cycles is expected"),
    ],
)
def test_a_mistake_in_a_machine(told, before: str, after: str, expected: str):
    assert before in MACHINE
    messages = told("mine.yaml", MACHINE.replace(before, after))
    assert expected in "\n".join(messages)


def test_only_systolic_machines_know_bursts(told):
    text = MACHINE.replace("class: systolic\n", "").replace("systolic: {dataflow: ws}\n", "")
    messages = told("mine.yaml", text)
    assert [m.splitlines()[0] for m in messages] == [
        "mine.yaml:4:37: only machines of class systolic know the burst of a memory",
        "mine.yaml:4:50: only machines of class systolic know the latency of a memory",
    ]


# --- SCALE-Sim's configurations


def test_a_configuration(tmp_path: Path):
    file = tmp_path / "scale.cfg"
    file.write_text(CFG)
    arch = read_architecture(file)
    machine = SystolicMachine.of(arch)
    assert (arch.name, arch.pes, machine.array.y, machine.array.x) == ("mine", 128, 16, 8)
    assert [machine.sram(role).size_bits / 8192 for role in ("inputs", "weights", "outputs")] == [4, 2, 1]
    assert (machine.settings.dataflow, machine.settings.timing) == ("os", "scalesim")
    assert math.isinf(machine.dram.bandwidth)
    file.write_text(CFG.replace("CALC", "USER").replace("SramSzkB", "SramSz"))  # as its first version calls them
    changed = read_architecture(file, ["ArrayHeight=4", "timing=tilenest"])
    assert (changed.pes, changed.memories[0].bandwidth) == (32, 80)
    assert SystolicMachine.of(changed).settings.timing == "tilenest"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "Dataflow : os",
            "Dataflow : so",
            "scale.cfg:11:12: Dataflow is 'so'\n  Dataflow : so\n             ^\n  expected: one of os, ws, is\n"
            "  did you mean 'ws'?",
        ),
        ("ArrayHeight:    16", "ArrayHeight:    0", "scale.cfg:5:17: ArrayHeight is '0'"),
        ("ArrayHeight:    16", "ArrayHeight:    -4", "expected: a whole number from 1 to 1000000"),
        ("ArrayWidth:     8", "ArrayWidht:     8", "ArrayWidth is missing from section [architecture_presets]"),
        ("CALC", "CLAC", "scale.cfg:15:21: InterfaceBandwidth is 'CLAC'"),
        ("Bandwidth : 10\n\n[run_presets]\nInterfaceBandwidth: CALC", "InterfaceBandwidth: USER", "Bandwidth is mi"),
        ("[run_presets]", "[sparsity]\nSparsitySupport : true\n[run_presets]", "sparse weights are not supported"),
        ("[general]", "[general]\nwhat is this", "scale.cfg:2:1: this is neither a section nor a value"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_configuration(told, before: str, after: str, expected: str):
    assert before in CFG
    messages = told("scale.cfg", CFG.replace(before, after))
    assert expected in "\n".join(messages)


def test_a_bandwidth_that_is_no_number(told):
    messages = told("scale.cfg", CFG.replace("10", "fast").replace("CALC", "USER"))
    assert messages[0].startswith("scale.cfg:12:13: Bandwidth is 'fast'")


def test_all_mistakes_of_a_configuration_at_once(told):
    messages = told("scale.cfg", CFG.replace("16", "x").replace("os", "xs"), "ArrayWitdh=4")
    assert len(messages) == 3
    assert "--set ArrayWitdh=4: unknown name 'ArrayWitdh'" in messages[0]
    assert "did you mean 'ArrayWidth'?" in messages[0]


# --- SCALE-Sim's topologies


def topology(tmp_path: Path, text: str, batch: int | None = None) -> tuple[Layer, ...]:
    file = tmp_path / "net.csv"
    file.write_text(text)
    return read_workload(file, batch).mac_layers


def test_convolutions(tmp_path: Path):
    rows = "Conv1, 224, 224, 11, 11, 3, 96, 4,\nConv1, 9, 8, 3, 2, 4, 5, 2, 3,\n DP1 , 8, 8, 3, 3, 16, 1, 1\n,,,,\n"
    one, two, deep = topology(tmp_path, CONV + rows)
    assert (one.name, one.kind, one.sizes["P"], one.sizes["Q"], one.macs) == ("Conv1", "conv", 55, 55, 105_415_200)
    assert one.words("inputs") == 224 * 224 * 3  # what hangs over the edge is nothing
    assert (two.name, two.sizes["P"], two.sizes["Q"]) == ("Conv1.2", 4, 3)
    assert (deep.name, deep.kind, deep.sizes["G"], deep.sizes["C"], deep.sizes["M"]) == ("DP1", "depthwise", 16, 1, 1)
    assert {t.bits for t in one.tensors} == {8}
    assert topology(tmp_path, CONV + "a, 5, 5, 3, 3, 2, 4, 1, 2:4,\n")[0].sizes["Q"] == 3


def test_products(tmp_path: Path):
    (layer,) = topology(tmp_path, GEMM + "G1, 4, 5, 6,\n", batch=3)
    assert layer.sizes == {"B": 3, "M": 4, "N": 5, "K": 6}
    assert (layer.kind, layer.words("weights"), layer.macs) == ("matmul", 30, 360)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            CONV + "Conv1, 224, 224, 11, 11, 3, 96,\n",
            "net.csv:2:32: row 2 (Conv1): no Strides\n  Conv1, 224, 224, 11, 11, 3, 96,\n"
            "                                 ^\n  expected: a name and 7 numbers",
        ),
        (CONV + "Conv1, 224, 224,\n", "no Filter Height, no Filter Width, no Channels, no Num Filter, no Strides"),
        (CONV + "Conv1, 8, 8, 3, 3, 0, 4, 1,\n", "net.csv:2:20: row 2 (Conv1): Channels is '0'"),
        (CONV + "Conv1, 8, -8, 3, 3, 2, 4, 1,\n", "net.csv:2:11: row 2 (Conv1): IFMAP Width is '-8'"),
        (CONV + "Conv1, 8, eight, 3, 3, 2, 4, 1,\n", "IFMAP Width is 'eight'"),
        (CONV + "Conv1, 8, 8, 9, 3, 2, 4, 1,\n", "net.csv:2:14: row 2 (Conv1): Filter Height 9 is more than IFM"),
        (CONV + "Conv1, 8, 8, 3, 9, 2, 4, 1,\n", "Filter Width 9 is more than IFMAP Width 8"),
        (CONV + "Conv1, 8, 8, 3, 3, 2, 4, 1, x,\n", "'x' after the strides"),
        (CONV + ", 8, 8, 3, 3, 2, 4, 1,\n", "no name"),
        (GEMM + "G, 4, 0, 6,\n", "row 2 (G): N is '0'"),
        (GEMM + "G, 4, 5\n", "row 2 (G): no K"),
        ("Layer, K, N, M\nG, 4, 5, 6\n", "net.csv:1:1: these are the headings neither of convolutions nor"),
        ("Layer, Height, Width\nG, 4, 5\n", "expected: Layer name, IFMAP Height, "),
        (CONV, "there is no layer"),
        ("", "a topology has a line of headings"),
        ("Conv1, 8, 8, 3, 3, 2, 4, 1,\n" * 2, "the first line must be the headings"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_topology(told, text: str, expected: str):
    assert expected in "\n".join(told("net.csv", text))


def test_all_mistakes_of_a_topology_at_once(told):
    rows = "Conv1, 0, 8, 3, x, 2, 4, 1,\nConv2, 8, 8, 3, 3, 2, 4, 1,\nConv3, 0,\nConv4, 8, 8, 9, 3, 0, 4,\n"
    assert [m.splitlines()[0].partition(": row")[0] for m in told("net.csv", CONV + rows)] == [
        "net.csv:2:8",
        "net.csv:2:17",
        "net.csv:4:10",  # columns that are missing
        "net.csv:4:8",  # and what is wrong with those that are there
        "net.csv:5:25",
        "net.csv:5:20",
        "net.csv:5:14",  # a filter larger than its input, whatever else is wrong
    ]


# --- what an array cannot do


def tiny() -> Layer:
    return Layer.einsum("tiny", {"P": 40, "M": 40, "C": 40}, inputs="P C", weights="M C", outputs="P M")


@pytest.mark.parametrize(
    ("dataflow", "memory", "what"),
    [("ws", "weight_sram", "8 x 8 weights of a fold are 1024 bit"), ("is", "input_sram", "8 x 8 inputs of a fold"),
     ("os", "output_sram", "8 x 8 outputs of a fold"), ("os", "input_sram", "the 8 inputs of one step are 128 bit"),
     ("ws", "output_sram", "the 8 outputs of one step")],
)  # fmt: skip
@pytest.mark.parametrize("timing", ["tilenest", "scalesim"])
def test_a_memory_too_small_for_one_fold(dataflow: str, memory: str, what: str, timing: str):
    sets = [f"systolic.dataflow={dataflow}", f"systolic.timing={timing}", f"{memory}.size=16 B"]
    with pytest.raises(RoomError, match=f"layer tiny: {memory} is too small for one fold: {what}"):
        evaluate(tiny(), read_architecture("systolic_8x8_ws", sets))


ROOM = "Conv1, 28, 28, 3, 3, 20, 40, 1,\nConv2, 28, 28, 3, 3, 10, 40, 1,\nConv3, 28, 28, 3, 3, 10, 3, 1,\n"


@pytest.mark.parametrize("timing", ["tilenest", "scalesim"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_all_layers_without_room_at_once_with_their_rows(tmp_path: Path, timing: str, jobs: int):
    file = tmp_path / "net.csv"
    file.write_text(CONV + ROOM)
    sets = ("systolic.dataflow=os", f"systolic.timing={timing}", "input_sram.size=8 B", "output_sram.size=64 B")
    with pytest.raises(RoomError) as caught:
        sim.run(read_architecture("systolic_8x8_ws", sets), file, jobs=jobs)
    lines = str(caught.value).splitlines()
    assert [line.partition(" is too small")[0] for line in lines] == [
        f"layers Conv1 ({file}:2), Conv2 ({file}:3), Conv3 ({file}:4): input_sram",
        f"layers Conv1 ({file}:2), Conv2 ({file}:3): output_sram",
    ]
    one = pickle.loads(pickle.dumps(caught.value))  # as from another process
    assert one.faults == caught.value.faults


def test_rows_of_layers_without_room_on_a_machine_with_homes(tmp_path: Path):
    file = tmp_path / "net.csv"
    file.write_text(CONV + ROOM)
    with pytest.raises(RoomError) as caught:
        sim.run(read_architecture("tpu_v1", ["unified_buffer.size=20 KiB", "weight_fifo.size=1 KiB"]), file)
    first, second, third = str(caught.value).splitlines()
    assert first.startswith(f"{file}:2: layer Conv1: unified_buffer is too small")
    assert second.startswith("layers Conv1")
    assert second.endswith("weight_fifo is too small for the weights of one fold, 524288 bit; it holds 8192 bit")
    assert third.startswith(f"{file}:3: layer Conv2: unified_buffer is too small")


def test_layers_without_a_place_and_many_of_them():
    error = RoomError([(f"layer{i}", "no room") for i in range(12)], [("layer1", "net.csv:7")])
    assert str(error) == (
        "layers layer0, layer1 (net.csv:7), layer2, layer3, layer4, layer5, layer6, layer7 and 4 more: no room"
    )


def test_layers_and_mappings_that_an_array_does_not_take():
    arch = read_architecture("systolic_8x8_ws")
    with pytest.raises(MappingError, match="systolic_8x8_ws takes no mapping"):
        evaluate(tiny(), arch, Mapping(()))
    lonely = Layer.einsum("lonely", {"P": 4, "M": 4, "C": 4, "X": 2}, inputs="P C X", weights="M C", outputs="P M")
    with pytest.raises(UnsupportedOp, match="layer lonely is no matrix product: dimension X stands in inputs alone"):
        evaluate(lonely, arch)
