"""The network drawn: sizes follow the numbers, blocks stand side by side inside the picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convscope.atlas.schema import LayerRow
from convscope.web.atlas.drawing import Block, drawing_of

SIDES = st.integers(1, 224)


def row(units: int, side: int, field: int) -> LayerRow:
    return LayerRow("a", 0, "relu", units, side, side, field, field, 1, 1, 0, 0, False)


ROWS = st.lists(
    st.tuples(st.builds(row, st.integers(1, 4096), SIDES, st.integers(1, 400)), st.just("a.html"), st.just(0))
)


@given(rows=ROWS)
def test_blocks_stand_side_by_side_in_the_picture(rows: list[tuple[LayerRow, str, int]]) -> None:
    drawing = drawing_of(rows, (224, 224))
    edge = 0.0
    for block in drawing.blocks:
        assert block.left > edge
        edge = block.left + block.width
        assert block.top > 20
        assert block.top + block.height + 20 < drawing.height
        assert block.sees + 0.1 > 0
        assert block.sees <= min(block.width, block.height)
    assert edge < drawing.width


def block(units: int = 8, side: int = 8, field: int = 8, dead: int = 0) -> Block:
    return drawing_of([(row(units, side, field), "a.html", dead)], (224, 224)).blocks[0]


def test_more_is_larger() -> None:
    assert block(side=16).height > block(side=8).height > block(side=1).height
    assert block(units=16).width > block(units=8).width
    assert block(field=224).sees > block(field=100).sees > block(field=3).sees
    assert block(field=400).sees == block(field=224).sees
    assert block(dead=8).foot == block().height
    assert block(dead=0).foot == 0
