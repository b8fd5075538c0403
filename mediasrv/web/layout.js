// Pure geometry: how many columns, how large the tiles. Lengths are CSS pixels.

const DEFAULT_GAP = 8;

/**
 * The largest equal tiles that show `count` tiles in a container at once.
 *
 * A tile's aspect (width / height) may move between `minAspect` and `maxAspect`, so that little space is lost;
 * video is cropped to it. Where tiles would get narrower than `minWidth` they stop shrinking and the container
 * scrolls downwards (`scrolls`).
 */
export function fitGrid(count, width, height, options = {}) {
  const { gap = DEFAULT_GAP, minWidth = 96, maxAspect = 16 / 9 } = options;
  // A camera's picture survives a portrait crop on a phone; on a wide screen it would only cut heads off.
  const minAspect = options.minAspect ?? (width < height ? 0.8 : 4 / 3);
  if (count < 1 || width <= 0 || height <= 0) {
    return { columns: 0, rows: 0, tileWidth: 0, tileHeight: 0, scrolls: false };
  }

  let best = null;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const tile = largestTile((width - gap * (columns - 1)) / columns, (height - gap * (rows - 1)) / rows,
      minAspect, maxAspect);
    const area = tile.width * tile.height;
    if (best === null || area > best.area * 1.001) best = { columns, rows, area, ...tile };
  }
  if (best.width >= Math.min(minWidth, width)) {
    return { columns: best.columns, rows: best.rows, scrolls: false,
      tileWidth: Math.floor(best.width), tileHeight: Math.floor(best.height) };
  }
  const columns = Math.max(1, Math.floor((width + gap) / (minWidth + gap)));
  const tileWidth = Math.floor((width - gap * (columns - 1)) / columns);
  const aspect = Math.min(Math.max(4 / 3, minAspect), maxAspect);
  const tileHeight = Math.floor(tileWidth / aspect);
  return { columns, rows: Math.ceil(count / columns), tileWidth, tileHeight, scrolls: true };
}

/**
 * One large tile (a shared screen, a pinned person) and the other `count` tiles: in one column at the right of a wide
 * container, as a grid below it in a tall one. What does not fit scrolls downwards.
 */
export function fitStage(count, width, height, { gap = DEFAULT_GAP } = {}) {
  const stageWidth = Math.floor(width);
  if (count < 1) return { strip: "none", stageWidth, stageHeight: Math.floor(height), tileWidth: 0, tileHeight: 0 };
  if (width > height) {
    const tileWidth = Math.round(clamp(width * 0.18, 120, 260));
    return { strip: "right", stageWidth: Math.floor(width - gap - tileWidth), stageHeight: Math.floor(height),
      tileWidth, tileHeight: Math.round(tileWidth * 9 / 16) };
  }
  const stageHeight = Math.floor(Math.min(width * 3 / 4, height * 2 / 3));
  const { columns, tileWidth, tileHeight } = fitGrid(count, width, height - gap - stageHeight, { gap, minAspect: 1 });
  return { strip: "below", stageWidth, stageHeight, columns, tileWidth, tileHeight };
}

function largestTile(cellWidth, cellHeight, minAspect, maxAspect) {
  if (cellWidth <= 0 || cellHeight <= 0) return { width: 0, height: 0 };
  const aspect = clamp(cellWidth / cellHeight, minAspect, maxAspect);
  const width = Math.min(cellWidth, cellHeight * aspect);
  return { width, height: width / aspect };
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
