"""Does the array of a machine with weights that stay wait for what it waits for, cycle by cycle?"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernels import stages
from sim.reference.stages import Layer, Step, simulate

CAUSES = ("active", "weights", "shifting", "outside", "other")


@st.composite
def layers(draw: st.DrawFn) -> list[Layer]:
    made, small, fetched = [], st.integers(1, 12), False
    for _ in range(draw(st.integers(1, 4))):
        ends = {"comes": draw(st.integers(0, 20)), "leaves": draw(st.integers(0, 20))}
        if draw(st.integers(0, 3)) == 0:
            made.append(Layer(vector=draw(st.integers(0, 20)), **ends))
            continue
        steps = []
        for _ in range(draw(st.integers(1, 3))):
            length = draw(st.integers(1, 3))
            for i in range(length):
                new = not fetched or draw(st.booleans())
                fetched = True
                own = {"fetch": draw(small), "shift": draw(small)} if new else {}
                closes = draw(small) if i == length - 1 else 0
                steps.append(Step(draw(small), opens=i == 0, closes=closes, **own))
        made.append(Layer(tuple(steps), room=draw(st.integers(1, 4)), depth=draw(st.integers(0, 6)), **ends))
    return made


@settings(max_examples=400, deadline=None)
@given(layers(), st.integers(0, 5))
def test_every_cycle_is_charged_as_a_simulation_of_cycles_shows(made: list[Layer], latency: int):
    steps = [(s.cycles, s.fetch, s.shift, s.opens, s.closes) for layer in made for s in layer.steps]
    table = [(len(a.steps), a.vector, a.comes, a.leaves, a.room, a.depth) for a in made]
    out = np.zeros((len(made), stages.CAUSES))
    stages.run(np.array(steps, float).reshape(-1, stages.STEP), np.array(table, float), float(latency), out)
    seen = simulate(made, latency)
    assert out.tolist() == [[own[cause] for cause in CAUSES] for own in seen]
