"""Is the section `noise` read, and are mistakes in it told?"""

from __future__ import annotations

import pytest

from sim.arch import noise as domain
from sim.errors import ConfigError
from sim.schema import yaml12
from sim.schema.architecture import read_architecture
from sim.schema.jsonschema import architecture_schema
from sim.schema.noise import NoiseText
from sim.schema.source import Source
from sim.schema.validate import validate


def read(text: str) -> domain.Noise:
    return validate(NoiseText, Source(yaml12.read(text, "mine.yaml"))).lower()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("programming: 0.05", domain.Noise(programming=domain.Programming(sigma=0.05))),
        ("programming: {model: pcm, scale: 2.0}", domain.Noise(programming=domain.Programming("pcm", scale=2.0))),
        ("variation: {device: 0.1, cycle: 0.05}", domain.Noise(variation=domain.Variation(0.1, 0.05))),
        ("stuck: 0.09", domain.Noise(stuck=domain.Stuck(off=0.09))),
        ("stuck: {on: 0.01, clustered: 0.5}", domain.Noise(stuck=domain.Stuck(0.01, 0.0, 0.5))),
        ("drift: 0.05", domain.Noise(drift=domain.Drift("power", 0.05))),
        ("drift: {model: pcm, start: 1 min}", domain.Noise(drift=domain.Drift("pcm", start_s=60))),
        ("temperature: {activation_ev: 0.2}", domain.Noise(temperature=domain.Temperature(activation_ev=0.2))),
        (
            "read: {model: flicker, sigma: 0.01, time: 1 us}",
            domain.Noise(read=domain.Read("flicker", 0.01, read_s=1e-6)),
        ),
        ("read: {model: pcm, slow: true}", domain.Noise(read=domain.Read("pcm", slow=True))),
        ("thermal: {bandwidth: 10 MHz, voltage: 0.2 V}", domain.Noise(thermal=domain.Thermal(1e7, 0.2))),
        ("wires: 2.5 ohm", domain.Noise(wires=domain.Wires(2.5, 2.5))),
        ("wires: {row: 1 kohm}", domain.Noise(wires=domain.Wires(1000.0, 0.0))),
        ("nonlinearity: 0.5", domain.Noise(nonlinearity=domain.Nonlinearity(0.5))),
        (
            "dac: 0.01\nadc: {offset: 0.5, noise: 0.2}",
            domain.Noise(dac=domain.Converters(0, 0.01), adc=domain.Converters(0.5, 0, 0.2)),
        ),
        ("time: 1 d\nkelvin: 350\ncompensation: true", domain.Noise(time_s=86400, kelvin=350, compensation=True)),
        ("{}", domain.Noise()),
    ],
)
def test_every_effect(text: str, expected: domain.Noise):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("programing: 0.05", "mine.yaml:1:1: unknown key 'programing'"),
        (
            "programming: much",
            "mine.yaml:1:14: programming is 'much'\n  programming: much\n               ^\n  expected: a num",
        ),
        ("programming: {model: pmc}", "mine.yaml:1:22: programming.model is 'pmc'"),
        ("programming: -1", "expected: at least 0"),
        ("wires: 3", "mine.yaml:1:8: 3 has no unit; a resistance is expected, e.g. 2.5 ohm"),
        ("thermal: 3", "mine.yaml:1:10: thermal is 3\n  thermal: 3\n           ^\n  expected: keys and values"),
        ("stuck: {on: 0.6, off: 0.6}", "mine.yaml:1:1: more than all cells are stuck"),
        (
            "programming: {model: pcm, sigma: 0.1}",
            "mine.yaml:1:1: the model pcm has a spread of its own, and no sigma\n"
            "  programming: {model: pcm, sigma: 0.1}\n  ^\n  expected: scale, which multiplies it",
        ),
        ("programming: {scale: 2.0}", "the model proportional has no measured spread that scale could multiply"),
        ("read: {model: pcm, sigma: 0.1}", "the model pcm has a spread of its own, and no sigma"),
        ("read: {model: flicker, scale: 2}", "the model flicker has no measured spread that scale could multiply"),
        ("drift: {model: pcm, nu: 0.1}", "the model pcm has exponents of its own"),
        ("drift: {nu: 0.1, start: 0 s}", "0 s is zero\n"),
        ("read: {model: flicker, sigma: 0.1, time: 0 s}", "0 s is zero\n"),
        ("time: 1 month", "unknown unit 'month' in '1 month'"),
    ],
)
def test_what_is_said_about_mistakes(text: str, message: str):
    with pytest.raises(ConfigError) as error:
        read(text)
    assert message in str(error.value)


def test_machines_have_noise_and_it_can_be_set():
    assert read_architecture("pcm_crossbar").noise.programming == domain.Programming("pcm")
    varied = read_architecture("pcm_crossbar", ["noise.programming=0.05", "noise.time=1 h"]).noise
    assert varied.programming == domain.Programming(sigma=0.05)
    assert varied.time_s == 3600


@pytest.mark.parametrize(
    ("name", "sets", "message"),
    [
        (
            "reram_crossbar",
            ["noise.time=1 d"],
            "time changes nothing here\n  expected: an effect that it matters",
        ),
        (
            "reram_crossbar",
            ["noise.kelvin=350"],
            "kelvin changes nothing here\n  expected: an effect that it matters",
        ),
        ("reram_crossbar", ["noise.compensation=true"], "compensation changes nothing here"),
        ("reram_crossbar", ["noise.time=1 d", "noise.read={model: flicker, sigma: 0.01}"], ""),
        ("reram_crossbar", ["noise.kelvin=350", "noise.temperature={per_kelvin: 0.001}"], ""),
        ("reram_crossbar", ["noise.kelvin=350", "noise.thermal={bandwidth: 1 MHz, voltage: 0.2 V}"], ""),
        ("reram_crossbar", ["noise.time=0 s", "noise.kelvin=300", "noise.compensation=false"], ""),
        ("pcm_crossbar", ["noise.time=1 d", "noise.compensation=true"], ""),
    ],
)
def test_conditions_without_an_effect_that_they_matter_to(name: str, sets: list[str], message: str):
    if not message:
        assert read_architecture(name, sets).noise
        return
    with pytest.raises(ConfigError) as error:
        read_architecture(name, sets)
    assert message in str(error.value)


def test_models_that_were_not_measured_for_such_cells():
    with pytest.raises(ConfigError) as error:
        read_architecture("reram_crossbar", ["crossbar.cell.most=100 uS"])
    assert "noise.programming: the model rram_wan was measured up to 39.26 uS, but the cell has 100 uS" in str(
        error.value
    )


def test_editors_know_both_forms():
    forms = architecture_schema()["$defs"]["ProgrammingText"]["anyOf"]
    assert forms[0] == {"type": "number"}
    assert set(forms[1]["properties"]) == {"model", "sigma", "scale"}
