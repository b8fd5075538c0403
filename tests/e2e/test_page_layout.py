"""The page's geometry (layout.js) and its choice of simulcast encodings (encoding_choice.js)."""

from __future__ import annotations

import pytest
from conftest import OpenPage
from fake_server import StaticSite

pytestmark = pytest.mark.browser

CONTAINERS = [(1252, 674), (362, 740), (700, 700), (1900, 300), (320, 420)]


def imports(name: str, module: str) -> str:
    return f"const {{ {name} }} = await import(new URL('{module}', document.baseURI));"


async def test_every_number_of_tiles_fits_the_container_and_is_as_large_as_can_be(
    open_page: OpenPage, site: StaticSite
) -> None:
    page = await open_page(site.url)
    grids = await page.evaluate(
        "async (containers) => {"
        + imports("fitGrid", "layout.js")
        + """
            return containers.flatMap(([width, height]) => Array.from({ length: 49 }, (_, index) => (
              { count: index + 1, width, height, ...fitGrid(index + 1, width, height, { gap: 8, minWidth: 40 }) })));
        }""",
        CONTAINERS,
    )
    assert len(grids) == 49 * len(CONTAINERS)
    for grid in grids:
        columns, rows, tile_width, tile_height = (grid[k] for k in ("columns", "rows", "tileWidth", "tileHeight"))
        assert columns * rows >= grid["count"] > (rows - 1) * columns, grid
        assert columns * tile_width + (columns - 1) * 8 <= grid["width"], grid
        assert grid["scrolls"] or rows * tile_height + (rows - 1) * 8 <= grid["height"], grid
        low = 0.8 if grid["width"] < grid["height"] else 4 / 3
        assert low - 0.05 < tile_width / tile_height < 16 / 9 + 0.05, grid
        if not grid["scrolls"]:
            assert tile_width * tile_height >= best_area(grid["count"], grid["width"], grid["height"], low) * 0.97, grid


def best_area(count: int, width: int, height: int, min_aspect: float) -> float:
    """By trying every size from large to small, rather than by the page's reasoning."""
    best = 0.0
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        for tile_width in range(int((width - 8 * (columns - 1)) / columns), 0, -1):
            tile_height = min((height - 8 * (rows - 1)) / rows, tile_width / min_aspect)
            if tile_height > 0 and tile_width / tile_height <= 16 / 9:
                best = max(best, tile_width * tile_height)
                break
    return best


async def test_tiles_that_would_become_too_narrow_scroll_instead(open_page: OpenPage, site: StaticSite) -> None:
    page = await open_page(site.url)
    grid = await page.evaluate(
        "async () => {" + imports("fitGrid", "layout.js") + "return fitGrid(49, 320, 300, { minWidth: 96 }); }"
    )
    assert grid["scrolls"]
    assert grid["tileWidth"] >= 96


async def test_a_stage_leaves_room_for_the_others_beside_or_below(open_page: OpenPage, site: StaticSite) -> None:
    page = await open_page(site.url)
    wide, tall, alone = await page.evaluate(
        "async () => {"
        + imports("fitStage", "layout.js")
        + "return [fitStage(8, 1252, 674), fitStage(8, 362, 740), fitStage(0, 362, 740)]; }"
    )
    assert wide["strip"] == "right"
    assert wide["stageWidth"] + 8 + wide["tileWidth"] <= 1252
    assert wide["stageWidth"] > 1252 * 0.7
    assert tall["strip"] == "below"
    assert tall["stageWidth"] == 362
    assert tall["stageHeight"] + 8 + tall["tileHeight"] <= 740
    assert (alone["strip"], alone["stageWidth"], alone["stageHeight"]) == ("none", 362, 740)


async def test_a_tile_asks_for_the_lowest_encoding_that_looks_sharp(open_page: OpenPage, site: StaticSite) -> None:
    page = await open_page(site.url)
    choose = (
        "async (cases) => {"
        + imports("chooseEncoding", "encoding_choice.js")
        + "return cases.map(([rids, height, current]) => chooseEncoding(rids, height, current ?? undefined)); }"
    )
    qhf = ["q", "h", "f"]
    fresh = await page.evaluate(choose, [[qhf, 120], [qhf, 220], [qhf, 300], [qhf, 440], [qhf, 600], [[], 90]])
    assert fresh == ["q", "q", "h", "h", None, None]
    # 225 and 450 pixels are the thresholds: close to one, what is shown stays.
    kept = await page.evaluate(choose, [[qhf, 240, "q"], [qhf, 210, "h"], [qhf, 300, "q"], [qhf, 150, "h"]])
    assert kept == ["q", "h", "h", "q"]
