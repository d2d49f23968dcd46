"""Does logic scale from node to node and from supply to supply as Stillmaker & Baas (2017) say?"""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.components.scaling import ScalingError, area_factor, delay_factor, energy_factor, nominal_supply

# The polynomials evaluated by hand, relative to 45 nm at 1.0 V (node, volts, energy, delay).
AT_TYPICAL_SUPPLIES = [
    (180, 1.8, 30.6224, 6.3209),
    (130, 1.2, 6.0142, 2.682),
    (90, 1.1, 3.0131, 2.0474),
    (65, 1.0, 1.5467, 1.744),
    (45, 1.0, 1.0, 1.0),
    (32, 0.97, 0.6227, 0.8484),
    (20, 0.9, 0.2332, 0.7574),
    (16, 0.86, 0.1652, 0.5076),
    (14, 0.86, 0.1323, 0.3445),
    (10, 0.83, 0.1033, 0.2848),
    (7, 0.8, 0.0759, 0.2298),
]

# Energy relative to 45 nm at 0.9 V for supplies of 0.7 to 1.1 V.
AGAINST_SUPPLY = {
    90: (1.5435, 1.8815, 2.3558, 2.9663, 3.7131),
    65: (1.0537, 1.2303, 1.5144, 1.906, 2.405),
    45: (0.6228, 0.7968, 1.0, 1.2323, 1.4938),
    32: (0.3952, 0.5127, 0.6541, 0.8195, 1.0088),
    20: (0.1618, 0.2192, 0.2873, 0.3661, 0.4555),
    16: (0.1264, 0.1721, 0.2263, 0.289, 0.3601),
    14: (0.1008, 0.1377, 0.1813, 0.2317, 0.2889),
    10: (0.0857, 0.1168, 0.1538, 0.1967, 0.2455),
    7: (0.0684, 0.0935, 0.1237, 0.159, 0.1993),
}

NODES = st.floats(7, 180)


@pytest.mark.parametrize(("node", "volts", "energy", "delay"), AT_TYPICAL_SUPPLIES)
def test_energy_and_delay_follow_the_published_polynomials(node, volts, energy, delay):
    assert energy_factor(45, 1.0, node, volts) == pytest.approx(energy, abs=6e-5)
    assert delay_factor(45, 1.0, node, volts) == pytest.approx(delay, abs=6e-5)


@pytest.mark.parametrize("node", AGAINST_SUPPLY)
def test_energy_follows_the_supply(node):
    factors = [energy_factor(45, 0.9, node, volts) for volts in (0.7, 0.8, 0.9, 1.0, 1.1)]
    assert factors == pytest.approx(AGAINST_SUPPLY[node], abs=6e-5)


def test_low_power_transistors_have_their_own_curves():
    assert energy_factor(45, 1.0, 45, 1.1, "LP") == pytest.approx((1.103 * 1.21 - 0.362 * 1.1 + 0.2767) / 1.0177)
    assert energy_factor(45, 1.0, 45, 1.1, "LP") != energy_factor(45, 1.0, 45, 1.1, "HP")
    assert energy_factor(90, 1.2, 65, 1.1, "LP") == energy_factor(90, 1.2, 65, 1.1, "HP")


def test_area_is_that_of_the_published_matrix():
    assert area_factor(65, 45) == 0.66
    assert area_factor(65, 32) == 0.31
    assert area_factor(45, 7) == 0.059
    assert area_factor(7, 180) == 320


def test_between_two_nodes_lies_their_geometric_mean_on_log_paper():
    middle = (65 * 45) ** 0.5
    assert energy_factor(45, 1.0, middle, 1.0) == pytest.approx(1.546683**0.5, rel=1e-5)
    assert area_factor(65, middle) == pytest.approx(0.66**0.5)
    assert area_factor(middle, middle) == 1
    assert nominal_supply(middle) == pytest.approx((1.1 * 1.0) ** 0.5)


def test_nominal_supplies_are_the_sourced_ones_and_fall_with_the_node():
    assert [nominal_supply(node) for node in (180, 90, 65, 45, 32, 22, 7)] == [1.8, 1.2, 1.1, 1.0, 0.9, 0.8, 0.7]
    supplies = [nominal_supply(node) for node in range(7, 181)]
    assert all(small <= large + 1e-12 for small, large in pairwise(supplies))


@given(a=NODES, b=NODES, volts=st.floats(0.9, 1.2))
def test_scaling_there_and_back_changes_nothing(a, b, volts):
    assert energy_factor(a, volts, b, 1.0) * energy_factor(b, 1.0, a, volts) == pytest.approx(1)
    assert delay_factor(a, volts, b, 1.0) * delay_factor(b, 1.0, a, volts) == pytest.approx(1)


@given(node=NODES, volts=st.floats(0.75, 1.3), step=st.floats(0.01, 0.3))
def test_a_higher_supply_costs_more(node, volts, step):
    assert energy_factor(45, 0.9, node, volts + step) > energy_factor(45, 0.9, node, volts)


@given(a=NODES, b=NODES)
def test_a_smaller_node_costs_less_area(a, b):
    small, large = sorted((a, b))
    assert area_factor(45, small) <= area_factor(45, large) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (lambda: energy_factor(45, 0.9, 5, 0.7), "technology 5 nm lies outside 7 to 180 nm"),
        (lambda: area_factor(250, 45), "technology 250 nm lies outside 7 to 180 nm"),
        (lambda: nominal_supply(3), "technology 3 nm lies outside 7 to 180 nm"),
        (lambda: energy_factor(45, 0.9, 65, 0.5), "0.5 V is too low for 65 nm: its energy curve begins at 0.59 V"),
        (lambda: delay_factor(45, 0.9, 90, 4.0), "the delay curve of 90 nm does not cover 4 V"),
    ],
)
def test_what_the_equations_do_not_cover_is_refused(scale, said):
    with pytest.raises(ScalingError) as error:
        scale()
    assert str(error.value) == said
