"""What do layers on analog arrays cost, reckoned by hand?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sim.api import load_arch, run
from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.tree import Architecture
from sim.components.table import node_costs
from sim.engines.crossbar import evaluate
from sim.engines.crossbar_peak import peak
from sim.engines.run import area_um2, run_network
from sim.errors import MappingError, UnsupportedOp
from sim.mapping.counts import Actions
from sim.mapping.nest import Mapping
from sim.results import LayerResult
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer, VectorLayer
from sim.workload.network import Network
from sim.workload.window import Window

MACHINE = """\
name: mine
class: crossbar
clock: 100 MHz
crossbar:
  weights: {bits: 4 bit, signs: offset}
  inputs: {bits: 4 bit, step: 1 bit, signs: twos, pulse: 10 ns}
  cell: {bits: 2 bit, most: 10 uS, least: 0 uS}
  adc: {bits: 6 bit, columns: 4, time: 5 ns}
hierarchy:
  - memory: far
    size: unbounded
    width: 4 bit
    energy: {read: 100 pJ, write: 200 pJ, cycle: 7 pJ, source: made up}
  - fanout: tiles
    x: 2
    links: {all: {energy: {word: 3 pJ, source: made up}}}
  - memory: near
    size: 1 KiB
    keeps: [inputs, outputs]
    width: 4 bit
    energy: {read: 1 pJ, write: 2 pJ, source: made up}
  - fanout: arrays
    x: 3
    links: {all: {reduce: false}}
  - converter: dac
    tensors: inputs
    count: 4
    energy: {word: 0.5 pJ, source: made up}
    area: {value: 1 um2, source: made up}
  - converter: adc
    tensors: outputs
    count: 2
    energy: {word: 10 pJ, source: made up}
    area: {value: 5 um2, source: made up}
  - {fanout: array, x: 8, y: 4}
  - compute: cell
    depth: 3
    energy: {op: 0.01 pJ, write: 1 pJ, source: made up}
"""


@pytest.fixture
def machine(tmp_path: Path):
    """The machine above, changed."""
    file = tmp_path / "mine.yaml"
    file.write_text(MACHINE)
    return lambda *sets: load_arch(file, set=sets)


def gemm(x: int, k: int, n: int, bits: int = 4) -> Layer:
    return Layer.einsum("gemm", {"X": x, "K": k, "N": n}, bits=bits, inputs="X K", weights="K N", outputs="X N")


def told(layer: Layer, **formats: float) -> Layer:
    """The same with statistics of its inputs."""
    return replace(layer, tensors=tuple(replace(t, **formats) if t.role == "inputs" else t for t in layer.tensors))


def test_a_layer_by_hand(machine):
    """10 rows are blocks of 4, 4, 2; 6 columns are blocks of 4 (of 2 cells each) and 2: six arrays in two tiles."""
    result = evaluate(gemm(5, 10, 6), machine())
    lies = result.crossbar
    assert lies is not None
    assert (lies.rows, lies.columns, lies.row_blocks, lies.column_blocks) == (10, 6, 3, 2)
    assert (lies.arrays, lies.copies, lies.rounds, lies.chips, lies.vectors, lies.steps) == (6, 1, 1, 1, 5, 4)
    # a tile has all row blocks of one column block: both take all inputs, and have finished sums
    words = 5 * 10
    assert result.actions["far"]["inputs"] == Actions(reads=words)
    assert result.actions["near"]["inputs"] == Actions(fills=2 * words, reads=2 * words)
    assert result.actions["near"]["outputs"] == Actions(updates=3 * 30, reads=2 * 30, drains=30)
    assert result.actions["far"]["outputs"] == Actions(updates=30)
    conversions = 5 * 4 * (3 * 6 * 2)  # vectors, steps, sums of three blocks in two slices
    assert lies.conversions == conversions
    energy = result.energy_breakdown
    assert energy["far"] == words * 100 + 30 * 200
    assert energy["tiles"] == (2 * words + 30) * 3
    assert energy["near"] == 2 * words * (2 + 1) + 90 * 2 + (60 + 30) * 1
    assert energy["dac"] == pytest.approx(2 * words * 4 * 0.5 * 0.5)  # half of the bits are set
    assert energy["adc"] == conversions * 10
    assert energy["cell"] == pytest.approx(words * 6 * 2 * 4 * 0.5 * 0.5 * 0.01)
    # four columns share an ADC, 20 ns, longer than a pulse: 2 cycles a step; two more stages
    assert result.latency_cycles == 5 * 4 * 2 + 2 * 2
    assert energy["static"] == 7 * 40  # the next vector may come before the last has left the pipeline
    assert result.energy_pj == pytest.approx(sum(energy.values()))
    assert lies.cell_share == 10 * 6 * 2 / (6 * 32)
    assert lies.adc_share == pytest.approx(conversions / (6 * 8 * 44 / 2))
    assert lies.array_share == 1
    assert result.active_pes == 120


def test_what_depends_on_the_data(machine):
    layer = gemm(5, 10, 6)
    usual = evaluate(layer, machine()).energy_breakdown
    sparse = evaluate(told(layer, density=0.5), machine()).energy_breakdown
    few = evaluate(told(layer, ones=0.1), machine()).energy_breakdown
    assert sparse["dac"] == pytest.approx(usual["dac"] / 2)
    assert sparse["cell"] == pytest.approx(usual["cell"] / 2)
    assert sparse["adc"] == usual["adc"]
    assert few["dac"] == pytest.approx(usual["dac"] / 5)
    assert few["cell"] == pytest.approx(usual["cell"] / 5)
    by_machine = evaluate(layer, machine("crossbar.inputs.ones=0.1")).energy_breakdown
    assert by_machine == pytest.approx(few)
    measured = evaluate(told(layer, density=0.5, ones=0.1), machine("crossbar.measured=true")).energy_breakdown
    assert measured["dac"] == pytest.approx(usual["dac"])  # zeros count, bits do not
    assert measured["cell"] == pytest.approx(2 * usual["cell"])


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("coding", ["amplitude", "unary"])
def test_shares_of_set_bits_are_those_of_all_inputs(bits: int, coding):
    """Of all inputs of seven bits, weighted by how likely they are: the last step may have fewer bits."""
    xbar = Crossbar(4, 4, step_bits=bits, coding=coding, input_signs="pulses", input_ones=0.3)
    driven, energies = [0.0] * xbar.steps, 0.0
    for value in range(128):
        likely = 0.3 ** value.bit_count() * 0.7 ** (7 - value.bit_count())
        for step in range(xbar.steps):
            digit = value >> step * bits & (1 << bits) - 1
            driven[step] += likely * (digit > 0)
            share = digit / (2 ** min(bits, 7) - 1)
            energies += likely * (share**2 if coding == "amplitude" else share) / xbar.steps
    assert [share for share, _ in xbar.pulses] == pytest.approx(driven)
    assert sum(width for _, width in xbar.pulses) == 7
    assert xbar.drive == pytest.approx(energies)


def test_a_last_step_of_fewer_bits_is_a_shorter_pulse():
    """Seven bits, four at a time: 15 and 7 pulses of 2 ns, and twice 5 ns for conversions."""
    xbar = Crossbar(8, 8, step_bits=4, input_signs="pulses", coding="unary", pulse_s=2e-9, overlap=False)
    xbar = replace(xbar, adc=Adc(columns=2, time_s=5e-9))
    assert xbar.step_s * xbar.steps == pytest.approx((15 + 7) * 2e-9 + 2 * 5e-9)
    assert replace(xbar, overlap=True).step_s * 2 == pytest.approx((15 + 7) * 2e-9)
    assert replace(xbar, coding="amplitude").step_s == pytest.approx(7e-9)


def test_a_layer_takes_what_its_steps_take(machine):
    """In 7 bits at once, or in 4 and 3: the driver's word is paid in each step, and pulses are as long as digits."""
    how = ["crossbar.inputs.signs=pulses", "crossbar.inputs.coding=unary", "crossbar.measured=true"]
    whole, parts = (
        evaluate(gemm(5, 10, 6), machine("crossbar.inputs.bits=8bit", f"crossbar.inputs.step={bits}bit", *how))
        for bits in (7, 4)
    )
    assert parts.energy_breakdown["dac"] == pytest.approx(2 * whole.energy_breakdown["dac"])
    assert whole.compute_cycles == pytest.approx(5 * 127)
    assert parts.compute_cycles == pytest.approx(5 * (15 + 7))


def test_groups_along_the_diagonal_of_an_array(machine):
    """Three groups of two rows and a column: two fill four rows of an array. Empty pairs of cells take nothing."""
    layer = Layer.einsum("g", {"G": 3, "X": 5, "K": 2, "N": 1}, inputs="G X K", weights="G K N", outputs="G X N")
    pairs = "crossbar.weights.signs=balanced"
    apart = evaluate(layer, machine(pairs))
    joined = evaluate(layer, machine(pairs, "crossbar.groups=diagonal"))
    assert (apart.crossbar.arrays, joined.crossbar.arrays) == (3, 2)
    assert joined.crossbar.cell_share == pytest.approx(1.5 * apart.crossbar.cell_share)
    for part in ("cell", "dac", "adc"):
        assert joined.energy_breakdown[part] == pytest.approx(apart.energy_breakdown[part])
    leaky = "crossbar.cell.least=1 uS"  # a tenth of the largest: of the cells beside the diagonal, 4 to 5 of both
    apart, joined = (evaluate(layer, machine(pairs, leaky, f"crossbar.groups={g}")) for g in ("apart", "diagonal"))
    mean = 0.1 + 0.25 * 0.9
    expected = (3 * mean + 2 * 0.1) / (3 * mean)
    assert joined.energy_breakdown["cell"] / apart.energy_breakdown["cell"] == pytest.approx(expected)


def test_what_is_measured_is_the_mean_of_cells_that_hold_weights():
    xbar = Crossbar(4, 16, measured=True)
    assert (xbar.conductance(), xbar.conductance(held=0.5)) == (1, 0.5)
    assert replace(xbar, signs="offset").conductance(held=0.5) == 1  # a zero is half of the range there


def test_the_mean_conductance():
    offset = Crossbar(4, 16, signs="offset", weight_ones=0.2)
    assert offset.conductance() == pytest.approx(0.2)
    assert offset.conductance(density=0.5) == pytest.approx(0.35)  # a zero is half of the range
    sliced = Crossbar(128, 128, weight_bits=16, signs="offset", cell=Cell(bits=2))
    assert sliced.conductance(density=0) == pytest.approx(2 / 3 / 8)  # 2**15: the top of eight cells is at 2 of 3
    uneven = replace(sliced, weight_bits=15)
    assert uneven.conductance(density=0) == pytest.approx(1 / 3 / 8)  # 2**14: the top cell holds one bit alone
    pair = Crossbar(4, 16, weight_ones=0.4)
    assert pair.conductance(density=0.5) == pytest.approx(0.1)
    leaky = replace(pair, cell=replace(pair.cell, most_us=10, least_us=1))
    assert leaky.conductance(density=0.5) == pytest.approx(0.1 + 0.9 * 0.1)


def test_a_step_takes_pulses_and_conversions():
    xbar = Crossbar(8, 8, input_bits=9, step_bits=3, coding="unary", pulse_s=2e-9, adc=Adc(columns=4, time_s=5e-9))
    assert xbar.reads_per_step == 4  # of balanced pairs the differences
    assert xbar.step_s == pytest.approx(14e-9)
    assert replace(xbar, overlap=False).step_s == pytest.approx(24e-9)
    assert replace(xbar, signs="differential").step_s == pytest.approx(20e-9)


def test_rows_that_are_not_read_at_once(machine):
    """Blocks of 4, 4 and 2 rows are read in 2, 2 and 1 parts."""
    result = evaluate(gemm(5, 10, 6), machine("crossbar.active_rows=2"))
    assert result.crossbar
    assert result.crossbar.conversions == 5 * 4 * 6 * 2 * (2 + 2 + 1)
    assert result.compute_cycles == 5 * 4 * 2 * 2


def test_copies_divide_the_vectors(machine):
    result = evaluate(gemm(7, 4, 4), machine("crossbar.replicate=true"))
    assert result.crossbar
    assert (result.crossbar.arrays, result.crossbar.copies, result.crossbar.vectors) == (4, 4, 2)
    assert result.compute_cycles == 2 * 4 * 2
    assert result.actions["far"]["inputs"].reads == 28
    more = evaluate(gemm(6, 4, 4), machine("crossbar.replicate=true"))
    assert more.crossbar
    assert (more.crossbar.copies, more.crossbar.array_share) == (6, 1)


def test_weights_that_stay_take_chips(machine):
    result = evaluate(gemm(5, 40, 6), machine())
    assert result.crossbar
    assert (result.crossbar.arrays, result.crossbar.chips, result.crossbar.rounds) == (20, 4, 1)
    assert result.crossbar.array_share == pytest.approx(20 / 24)
    assert result.energy_breakdown["static"] == 4 * 7 * result.compute_cycles


def test_weights_that_are_written_take_rounds(machine):
    arch = machine("crossbar.reload=true", "crossbar.write=100ns", "far.bandwidth=8 bit/cycle")
    result = evaluate(gemm(5, 40, 6), arch)
    assert result.crossbar
    assert (result.crossbar.chips, result.crossbar.rounds) == (1, 4)
    assert result.compute_cycles == 4 * 5 * 4 * 2
    assert result.actions["far"]["weights"] == Actions(reads=240)
    assert result.cycles["weights"] == max(4 * 4 * 10, 240 * 4 / 8)
    assert result.energy_by_tensor["cell"]["weights"] == 240 * 2 * 1
    assert result.energy_by_tensor["tiles"]["weights"] == 240 * 3
    # in rounds of six arrays, columns 0 to 3 are in the first two, the others in the last three
    come = 5 * (4 + 4 + 2 + 2 + 2)
    assert result.actions["far"]["outputs"] == Actions(updates=come, reads=come - 30)
    reads = result.actions["far"]["inputs"].reads
    assert reads == 5 * (24 + (16 + 8) + 24 + 8)
    assert result.cycles["far"] == (reads + 2 * come - 30) * 4 / 8
    assert result.latency_cycles == max(result.compute_cycles, result.cycles["far"]) + result.cycles["weights"] + 4


def network() -> Network:
    layers = NetworkBuilder("two", batch=1)
    tensor = layers.conv("conv", layers.input(1, 6, 6), 4, Window.of(2))
    tensor = layers.vector("relu", "relu", tensor)
    layers.linear("fc", layers.view(tensor, 1, 100), 4)
    return layers.network()


def test_layers_share_what_the_machine_takes_in_the_time_of_the_slowest(machine):
    arch = machine("arrays.x=100")
    result = run_network(network(), arch)
    conv, fc = result["conv"], result["fc"]
    assert conv.latency_cycles > fc.latency_cycles
    static = [layer.energy_breakdown["static"] for layer in (conv, fc)]
    assert sum(static) == pytest.approx(7 * conv.compute_cycles)
    assert conv.crossbar
    assert fc.crossbar
    assert static[0] / static[1] == pytest.approx(conv.crossbar.arrays / fc.crossbar.arrays)
    per_second = arch.clock_hz / conv.compute_cycles
    assert any(f"{per_second:,.0f} results a second, as fast as conv" in note for note in result.notes)
    assert result["relu"].fused == "conv"


def test_layers_at_work_at_once_share_what_a_chip_has_one_of(machine):
    """Words of 4 bit come and go at 1 bit a cycle: no layer waits as long for that as all together."""
    arch = machine("arrays.x=100", "far.bandwidth=1 bit/cycle")
    result = run_network(network(), arch)
    waits = [layer.cycles["far"] for layer in result.layers if "far" in layer.cycles]
    slowest = max(layer.latency_cycles for layer in result.layers)
    assert sum(waits) > slowest
    static = sum(layer.energy_breakdown.get("static", 0.0) for layer in result.layers)
    assert static == pytest.approx(7 * sum(waits))
    assert any(f"{arch.clock_hz / sum(waits):,.0f} results a second, as fast as far is" in n for n in result.notes)


def test_converters_that_wait_for_pulses_are_not_busy(machine):
    """Four columns share an ADC, 20 ns of a step that is 20 ns, then 80 ns long."""
    usual, slow = (evaluate(gemm(500, 8, 4), machine(f"crossbar.inputs.pulse={t}ns")).crossbar for t in (10, 80))
    assert usual
    assert slow
    assert usual.adc_share == pytest.approx(1, rel=1e-2)
    assert slow.adc_share == pytest.approx(1 / 4, rel=1e-2)


def test_an_area_that_is_not_known_is_told(machine):
    arch = machine("adc.area.value=0 um2")
    assert "area is without adc, whose own is not known" in run_network(network(), arch).notes
    assert not any("area" in note for note in run_network(network(), machine()).notes)


def test_written_layers_run_one_after_the_other(machine):
    result = run_network(network(), machine("crossbar.reload=true"))
    for layer in result.layers:
        assert layer.energy_breakdown.get("static", 0.0) == pytest.approx(7 * layer.latency_cycles)
    assert not any("results a second" in note for note in result.notes)


def test_notes_say_what_is_cut_and_how_many_chips_there_are(machine):
    notes = run_network(network(), machine()).notes
    cut = "of 4 bit; those of two, of 16 bit, are cut to that in its arrays, not before"
    assert notes[:2] == (f"mine takes inputs {cut}", f"mine takes weights {cut}")
    assert "chips of mine; costs are those of all of them" in notes[2]


def test_activations_are_no_weights_that_stay(machine):
    with pytest.raises(UnsupportedOp, match=r"layer\.0\.context, layer\.0\.scores, .* \(24 in all\): both operands"):
        run(machine(), "bert_base")
    assert run(machine("crossbar.reload=true"), "bert_base", layers="layer.0.scores").layers[0].macs > 0


def test_there_is_no_mapping(machine):
    with pytest.raises(MappingError, match="mine takes no mapping"):
        evaluate(gemm(1, 1, 1), machine(), Mapping(()))


def test_a_vector_layer_moves_words(machine):
    result = evaluate(VectorLayer("pool", "maxpool", (("inputs", 64),), 16, 64, 4), machine())
    assert result.energy_breakdown["far"] == 64 * 100 + 16 * 200
    assert result.cycles["compute"] == 0  # no cell does it


def test_the_peak(machine):
    arch = machine()
    most = peak(arch)
    reads = 1 / (4 * 20e-9)  # of vectors a second
    assert most.ops == pytest.approx(2 * 6 * 4 * 4 * reads)
    step = 1 / 20e-9
    assert most.watts["dac"] == pytest.approx(6 * 4 * 0.5 * 0.5e-12 * step)
    assert most.watts["adc"] == pytest.approx(6 * 8 * 10e-12 * step)
    assert most.watts["cell"] == pytest.approx(6 * 4 * 4 * 2 * 0.5 * 0.5 * 0.01e-12 * step)
    assert most.watts["far"] == pytest.approx(7e-12 * 100e6)  # its bandwidth has no limit, so it is left out
    assert set(most.watts) == {"dac", "adc", "cell", "far"}
    assert area_um2(arch) == {"dac": 6 * 4 * 1, "adc": 6 * 2 * 5}
    assert most.mm2 == pytest.approx(84e-6)
    limited = peak(machine("near.bandwidth=8 bit/cycle"))
    assert limited.watts["near"] == pytest.approx(2 * 8 / 4 * 2e-12 * 100e6)


def test_the_peak_of_hermes_is_the_published_one():
    """Le Gallo et al., Nature Electronics 6, 2023, one phase; all but the time is calibrated."""
    most = peak(load_arch("pcm_crossbar"))
    assert most.ops == pytest.approx(63.1e12, rel=1e-3)
    assert most.ops_per_watt == pytest.approx(9.76e12, rel=1e-2)
    assert most.ops_per_mm2 == pytest.approx(1.55e12, rel=1e-2)


def test_fewer_bits_at_a_time_are_shorter_pulses():
    """A cell of HERMES conducts for 15 ns where it did for 127 ns, four bits at a time instead of seven."""
    usual, short = (load_arch("pcm_crossbar", set=[f"crossbar.inputs.step={bits}bit"]) for bits in (7, 4))
    op = [node_costs(arch)["cell"].op.value for arch in (usual, short)]
    assert op[1] / op[0] == pytest.approx(15 / 127)
    assert short.crossbar is not None
    assert short.crossbar.step_s == pytest.approx(21e-9)


@pytest.mark.parametrize("name", ["isaac", "reram_crossbar", "pcm_crossbar", "sram_cim", "neurram"])
def test_no_layer_is_faster_or_fuller_than_can_be(name: str):
    arch: Architecture = load_arch(name)
    result = run(arch, "resnet18")
    most = peak(arch)
    laid: list[LayerResult] = [layer for layer in result.layers if layer.crossbar]
    assert len(laid) == 21
    for layer in laid:
        assert layer.crossbar
        assert 2 * layer.macs / layer.latency_s <= most.ops * layer.crossbar.chips * (1 + 1e-9)
        assert 0 < layer.utilization <= 1
        for share in (layer.crossbar.cell_share, layer.crossbar.adc_share, layer.crossbar.array_share):
            assert 0 < share <= 1 + 1e-9
    chips = laid[0].crossbar.chips if laid[0].crossbar else 0
    if not (arch.crossbar and arch.crossbar.reload):
        assert sum(layer.crossbar.arrays for layer in laid if layer.crossbar) <= chips * arch.instances(
            arch.fanouts[-1].name
        )
