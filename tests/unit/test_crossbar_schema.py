"""Are machines of analog arrays read, and are mistakes in them told with their places?"""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.crossbar_machine import CrossbarMachine
from sim.arch.noise import Noise
from sim.components.table import node_costs
from sim.engines.crossbar import evaluate
from sim.engines.crossbar_peak import peak
from sim.errors import ConfigError
from sim.schema.architecture import read_architecture
from sim.workload.layer import Layer

MACHINE = """\
name: mine
class: crossbar
clock: 100 MHz
technology: 32 nm
crossbar:
  weights: {bits: 8 bit, signs: offset, ones: 0.4}
  inputs: {bits: 8 bit, step: 2 bit, signs: pulses, coding: unary, pulse: 10 ns, scale: vector}
  cell: {bits: 2 bit, most: 40 uS, least: 1 uS}
  adc: {bits: 6 bit, range: full, columns: 8, time: 2 ns}
  active_rows: 16
  write: 1 us
noise: {programming: 0.05}
hierarchy:
  - {memory: buffer, size: 1 MiB}
  - {fanout: tiles, x: 4}
  - {converter: router, energy: {word: 1 pJ, source: made up}}
  - {fanout: arrays, x: 3, y: 2}
  - {converter: dac, tensors: inputs, count: 32}
  - {converter: adc, tensors: outputs, count: 8, component: {model: adc, bits: "${crossbar.adc.bits}", time: 2 ns}}
  - {fanout: array, x: 64, y: 32}
  - compute: cell
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is said of a machine that is changed."""
    monkeypatch.chdir(tmp_path)

    def told(before: str, after: str) -> str:
        assert before in MACHINE
        Path("mine.yaml").write_text(MACHINE.replace(before, after), encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            read_architecture("mine.yaml")
        return "\n".join(problem.render() for problem in caught.value.problems)

    return told


def test_all_keys(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(MACHINE)
    arch = read_architecture(file)
    assert arch.crossbar == Crossbar(
        32,
        64,
        active_rows=16,
        weight_bits=8,
        signs="offset",
        cell=Cell(2, 40.0, 1.0),
        input_bits=8,
        step_bits=2,
        input_signs="pulses",
        adc=Adc(6, "full", 8, time_s=2e-9),
        coding="unary",
        pulse_s=1e-8,
        weight_ones=0.4,
        write_s=1e-6,
        input_scale="vector",
    )
    assert isinstance(arch.noise, Noise)
    assert not arch.mapped
    machine = CrossbarMachine.of(arch)
    # Three pulses of a cycle for two bits, three times; for the last bit one, which eight conversions outlast.
    assert (machine.arrays, machine.step_cycles) == (24, pytest.approx((3 * 3 + 1.6) / 4))
    assert [node.name for node in machine.periphery] == ["dac", "adc"]
    assert [machine.inside(i) for i in range(5)] == [24, 24, 6, 6, 1]
    assert arch.instances("dac") == 24 * 32
    exact = read_architecture(file, ["crossbar.adc.bits=exact", "adc.component.bits=8 bit"])
    assert read_architecture(file, ["crossbar.adc.bits=7bit"]).crossbar != arch.crossbar
    assert exact.crossbar is not None
    assert exact.crossbar.adc.bits == 0


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "most: 40 uS, least: 1 uS",
            "most: 1 uS, least: 40 uS",
            "mine.yaml:8:3: the smallest conductance, 40 uS, is not below the largest, 1 uS",
        ),
        ("most: 40 uS", "most: 40 kOhm", "mine.yaml:8:29: unknown unit 'kOhm' in '40 kOhm'"),
        ("adc: {bits: 6 bit", "adc: {bits: 0 bit", "mine.yaml:9:15: 0 bit is zero"),
        ("adc: {bits: 6 bit", "adc: {bits: 25 bit", "mine.yaml:9:15: 25 bit are too many\n"),
        ("adc: {bits: 6 bit", "adc: {bits: 6", "mine.yaml:9:15: 6 has no unit; an amount of data is expected"),
        ("adc: {bits: 6 bit", "adc: {bits: 3 bit", "the survey's converters have 4 to 20 bit, not 3"),
        ("columns: 8", "colums: 8", "mine.yaml:9:35: unknown key 'colums'\n"),
        ("columns: 8", "colums: 8", "did you mean 'columns'?"),
        ("signs: offset", "signs: ofset", "did you mean 'offset'?"),
        ("coding: unary", "coding: unry", "did you mean 'unary'?"),
        ("ones: 0.4", "ones: 1.4", "crossbar.weights.ones is 1.4"),
        ("  cell: {bits: 2 bit, most: 40 uS, least: 1 uS}\n", "", "mine.yaml:5:1: key 'cell' is missing"),
        ("x: 64, y: 32", "x: 64", "array has one row, and an analog array adds up what its rows give"),
        ("x: 64, y: 32", "y: 32", "mine.yaml:20:5: key 'x' is missing"),
        ("x: 64, y: 32", "x: 3, y: 32", "mine.yaml:5:1: a weight takes 4 cells, but the array has 3 columns"),
        ("active_rows: 16", "active_rows: 33", "mine.yaml:5:1: an array of 32 rows cannot read 33 at once"),
        ('"${crossbar.adc.bits}"', "8 bit", "mine.yaml:19:5: adc has 8 bit, but crossbar.adc.bits is 6 bit"),
        (
            "count: 8, component",
            "component",
            "mine.yaml:19:5: adc: 1 for 64 columns, by crossbar.adc.columns of 8, take other time than area",
        ),
        ("count: 8, component", "component", "expected: count: 8"),
        ("step: 2 bit", "step: 9 bit", "mine.yaml:5:1: inputs of 8 bit are not applied 9 bit at a time"),
        ("class: crossbar", "class: spatial", "mine.yaml:5:1: a machine of class spatial has no analog arrays"),
        ("class: crossbar", "class: spatial", "a machine of class spatial has no analog arrays that could err"),
        ("clock:", "dataflow: weight_stationary\nclock:", "so there is no dataflow to choose"),
        ("count: 32", "count: 0", "mine.yaml:18:46: dac.count is 0"),
        ("- compute: cell", "- {memory: m, size: 1 B}\n  - compute: cell", "m stands inside the array array"),
        (
            "size: 1 MiB}",
            "size: 1 MiB, gating: [{target: inputs, on: inputs}]}",
            "mine.yaml:14:5: buffer: the engine for class crossbar makes no use of zeros in memories",
        ),
    ],
)
def test_a_mistake(told, before: str, after: str, said: str):
    assert said in told(before, after)


def test_an_adc_that_loses_nothing_costs_what_its_bits_do():
    """128 rows of 2-bit cells with 1-bit inputs, in pairs: sums from -384 to 384 take ten bits."""
    exact, ten = (read_architecture("reram_crossbar", [f"crossbar.adc.bits={bits}"]) for bits in ("exact", "10 bit"))
    assert exact.crossbar.adc.bits == 0
    assert node_costs(exact)["adc"] == node_costs(ten)["adc"]
    layer = Layer.einsum("gemm", {"M": 9, "N": 5, "K": 300}, inputs="N K", weights="K M", outputs="N M")
    assert evaluate(layer, exact).energy_breakdown == evaluate(layer, ten).energy_breakdown
    assert peak(exact) == peak(ten)


def test_no_adc_that_is_known_loses_nothing():
    sets = [
        "crossbar.adc.bits=exact",
        "crossbar.inputs.signs=pulses",
        "crossbar.inputs.step=7bit",
        "crossbar.cell.bits=7bit",
    ]
    with pytest.raises(ConfigError) as error:
        read_architecture("reram_crossbar", sets)
    assert "the survey's converters have 4 to 20 bit, not 22\n" in str(error.value)
    assert "expected: crossbar.adc.bits of fewer than the 22 bit that lose nothing here" in str(error.value)


def test_no_array_at_all(told):
    fanouts = MACHINE[MACHINE.index("  - {fanout: tiles") : MACHINE.index("  - compute")]
    assert "nothing says how many rows and columns an array has" in told(fanouts, "")


def test_no_word_about_the_arrays(told):
    section = MACHINE[MACHINE.index("crossbar:\n") : MACHINE.index("noise")]
    text = told(section + "noise: {programming: 0.05}\nhierarchy:\n", "hierarchy:\n")
    assert "unknown name 'crossbar'" in text  # of the ADC's bits


def test_a_machine_must_say_how_its_arrays_work(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: a\nclass: crossbar\nclock: 1 MHz\nhierarchy:\n  - {memory: m, size: 1 B}\n  - compute: c\n"
    )
    with pytest.raises(ConfigError) as caught:
        read_architecture(file)
    assert "mine.yaml:2:8: a machine of class crossbar must say how its arrays work" in str(caught.value)
