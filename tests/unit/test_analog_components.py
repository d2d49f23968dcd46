"""Do ADCs cost what the survey's regression says, and other parts of analog arrays what their sources do?"""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.arch.tree import Component, Compute, Converter, Memory, Technology
from sim.components.adc import survey_pj, survey_um2
from sim.components.model import ComponentError, NodeCosts, Part
from sim.components.registry import costs
from sim.schema import yaml12

SURVEY = yaml12.load(Path(__file__).parent / "data" / "adc_survey.yaml").plain()["rows"]


def cost(body: type, model: str, node_nm: float = 32, supply: float = 0, **attributes: float | str) -> NodeCosts:
    component = Component(model, tuple(sorted(attributes.items())))
    made = {
        Converter: Converter("c", ("outputs",), component),
        Compute: Compute("c", component=component),
        Memory: Memory("c", ("all",), 64 * 8192, 256, component=component),
    }[body]
    return costs(Part(made, Technology(node_nm, supply)))


def test_there_are_all_points_of_the_survey():
    assert len(SURVEY) == 120
    assert {row[0] for row in SURVEY} == {65, 32, 22, 16, 7}


@pytest.mark.parametrize("row", SURVEY, ids=lambda row: "-".join(map(str, row[:3])))
def test_a_point_of_the_survey(row: list[float]):
    node_nm, bits, hz, pj, um2 = row
    assert survey_pj(node_nm, bits, hz) == pytest.approx(pj, rel=1e-5)
    assert survey_um2(node_nm, hz, pj) == pytest.approx(um2, rel=1e-5)


def test_an_adc_of_the_survey_by_its_conversion_time():
    adc = cost(Converter, "adc", 22, bits="8 bit", time="1 ns")
    assert adc.word.value == pytest.approx(0.847236, rel=1e-5)
    assert adc.area.value == pytest.approx(3333.86, rel=1e-5)
    assert "survey" in adc.word.source


def test_the_sar_adc_of_isaac():
    assert cost(Converter, "adc", type="sar", bits="8 bit").word.value == pytest.approx(1.67)
    assert cost(Converter, "adc", type="sar", bits="4 bit").word.value == pytest.approx(0.79)
    assert cost(Converter, "adc", type="sar", bits="8 bit").area.value == 1200
    assert cost(Converter, "adc", 65, type="sar", bits="8 bit").word.value > 2 * 1.67


def test_a_flash_adc_doubles_with_every_bit_and_a_ramp_too():
    flash = [cost(Converter, "adc", 90, type="flash", bits=f"{b} bit").word.value for b in (1, 4)]
    assert flash[1] == pytest.approx(15 * flash[0]) == pytest.approx(2.0, rel=1e-3)  # 2.5 mW / 1.25 GS/s
    ramp = [cost(Converter, "adc", 40, 0.9, type="ramp", bits=f"{b} bit").word.value for b in (5, 6)]
    assert ramp[1] == pytest.approx(2 * ramp[0]) == pytest.approx(128 * 0.009)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"bits": "3 bit", "time": "1 ns"}, "the survey's converters have 4 to 20 bit, not 3; another type: flash"),
        ({"bits": "8 bit"}, "the attribute time is missing: a time, e.g. 10 ns"),
        ({"time": "1 ns"}, "the attribute bits is missing: an amount of data, e.g. 64 bit"),
        ({"type": "flsh"}, "unknown type flsh; did you mean 'flash'?; known: survey, sar, flash, ramp"),
    ],
)
def test_a_mistake_in_an_adc(attributes: dict[str, str], said: str):
    with pytest.raises(ComponentError) as caught:
        cost(Converter, "adc", **attributes)
    assert str(caught.value) == said


def test_a_driver_charges_its_line():
    driver = cost(Converter, "dac", 130, columns=256, volts="1.8 V")
    assert driver.word_pj(1) == pytest.approx((48 + 2.1 * 256) * 1e-3 * 1.8**2)
    assert driver.word_pj(3) == pytest.approx(3 * driver.word_pj(1))
    assert cost(Converter, "dac", 65, columns=256, volts="1.8 V").bit.value == pytest.approx(driver.bit.value / 4)


def test_a_width_doubles_with_every_bit():
    assert cost(Converter, "dac", 65, type="time", bits="8 bit").word.value == pytest.approx(0.0375)
    assert cost(Converter, "dac", 65, type="time", bits="7 bit").word.value == pytest.approx(0.01875)


def test_a_memristor_is_a_resistor():
    cell = cost(Compute, "memristor", device="isaac", conductance="750 uS", pulse="1 ns")
    assert cell.op.value == pytest.approx(750e-6 * 0.2**2 * 1e-9 * 1e12)
    assert cell.write.value == pytest.approx(750e-6 * 2**2 * 40e-9 * 1e12)
    assert cell.area.value == pytest.approx(16 * 0.032**2)
    assert cost(Compute, "memristor", conductance="1 uS", pulse="1 ns", volts="1 V").op.value == pytest.approx(1e-3)


def test_a_phase_change_cell_is_molten_to_write_it():
    cell = cost(Compute, "memristor", device="pcm", conductance="25 uS", volts="0.2 V", pulse="127 ns")
    assert cell.write.value == pytest.approx(300e-6 * 1.6 * 40e-9 * 1e12)
    assert cell.op.value == pytest.approx(25e-6 * 0.2**2 * 127e-9 * 1e12)
    with pytest.raises(ComponentError, match="the attribute volts is missing"):
        cost(Compute, "memristor", device="pcm", conductance="25 uS", pulse="127 ns")


def test_writing_an_sram_cell_is_writing_an_sram_of_as_many_bits():
    """2304 x 256 of them, a row at a time."""
    array = Memory("m", ("all",), 2304 * 256, 256, component=Component("sram"))
    row = costs(Part(array, Technology(65, 1.2))).write.value
    assert cost(Compute, "sram_cell", 65, 1.2).write.value == pytest.approx(row / 256, rel=1e-3)


def test_an_sram_cell_is_that_of_its_source():
    cell = cost(Compute, "sram_cell", 65, 1.2)
    assert cell.op.value == pytest.approx(20.4 / 2304, rel=1e-4)
    assert cell.area.value == pytest.approx(2.91e6 / (2304 * 256), rel=1e-3)


def test_parts_of_isaac():
    assert cost(Converter, "sample_hold").word.value == pytest.approx(0.01e-3 / 1024 * 100e-9 * 1e12, rel=1e-4)
    assert cost(Converter, "shift_add").word.value == pytest.approx(0.2e-3 / 1024 * 100e-9 * 1e12, rel=1e-4)


def test_edram():
    edram = cost(Memory, "edram", 28)
    assert edram.read.value == edram.write.value == pytest.approx(19.2)
    assert cost(Memory, "edram", 32).area.value == pytest.approx(0.083e6, rel=1e-3)
