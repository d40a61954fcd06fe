"""What must hold between the tables of an atlas, as queries that count where it does not."""

from __future__ import annotations

from collections.abc import Mapping

from convscope.atlas.reader import Atlas

RELATIONS: Mapping[str, str] = {
    "units has every unit of every layer once": """
        select count(*) from layers full join
            (select layer, count(*) as found, count(distinct unit) as once, max(unit) + 1 as last
             from units group by layer) using (layer)
        where coalesce(units, -1) <> coalesce(found, -2) or found <> once or found <> last""",
    "images counts from 0 without gaps": """
        select count(*) from (select image, row_number() over (order by image) - 1 as place from images)
        where image <> place""",
    "top names units and images that there are": """
        select count(*) from top left join units using (layer, unit) left join images on images.image = top.image
        where units.unit is null or images.image is null or images.skipped is not null""",
    "top counts ranks from 0, and values fall": """
        select count(*) from (
            select rank, value, row_number() over list - 1 as place, lag(value) over list as before
            from top window list as (partition by layer, unit, among order by rank))
        where rank <> place or value > before or value <= 0""",
    "the strongest of top is the maximum of units": """
        select count(*) from units left join (select * from top where rank = 0 and among is null) using (layer, unit)
        where dead <> (value is null) or value <> peak_max""",
    "positions of top lie inside the maps": """
        select count(*) from top join layers using (layer)
        where y < 0 or x < 0 or y >= layers.height or x >= layers.width""",
    "every image of top has its picture, once": """
        select count(*) from (select distinct image from top)
        full join (select image, count(*) as times from pictures group by image) using (image)
        where times is distinct from 1""",
    "projections are of activations in top": """
        select count(*) from projections anti join (select * from top where among is null)
        using (layer, unit, rank, image)""",
    "projections are made once": """
        select count(*) from (select count(*) as times from projections group by layer, unit, rank) where times > 1""",
    "peaks has every unit for each of its images": """
        select count(*) from units left join
            (select layer, unit, count(*) as found from peaks group by layer, unit) using (layer, unit)
        where coalesce(found, 0) <> (select count(distinct image) from peaks)""",
    "no peak is above its unit's maximum": """
        select count(*) from peaks left join units using (layer, unit) where peak_max is null or value > peak_max""",
}


def broken_relations(atlas: Atlas) -> dict[str, int]:
    """The sentences of ``RELATIONS`` that do not hold, each with the number of rows where not."""
    counted = {name: atlas.query(sql).column(0)[0].as_py() for name, sql in RELATIONS.items()}
    return {name: count for name, count in counted.items() if count}
