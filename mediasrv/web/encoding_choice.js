// Which simulcast encoding a tile asks for, from the pixels it really has on the screen. Pure.

const HIGHEST_ENCODING_HEIGHT = 720;
const UPSCALE_TOLERATED = 1.25;     // an encoding may be shown this much larger than it is before it looks soft
const HYSTERESIS = 0.15;            // how far past a threshold a tile must be before the choice moves

/**
 * The rid for a tile of `pixelHeight` device pixels, or null for "the highest". `rids` are lowest quality first, each
 * twice as high as the one before. `current` (a rid, null, or undefined when nothing was chosen yet) is kept while the
 * tile stays near its range.
 */
export function chooseEncoding(rids, pixelHeight, current) {
  if (rids.length < 2) return null;
  const highest = rids.length - 1;
  const fitting = lowestThatFits(highest, pixelHeight);
  if (current === undefined) return named(rids, fitting);
  const now = current === null ? highest : rids.indexOf(current);
  if (now < 0 || fitting === now) return named(rids, fitting);
  const reluctant = lowestThatFits(highest, pixelHeight * (fitting > now ? 1 - HYSTERESIS : 1 + HYSTERESIS));
  return named(rids, reluctant);
}

function lowestThatFits(highest, pixelHeight) {
  for (let index = 0; index < highest; index++) {
    const encodingHeight = HIGHEST_ENCODING_HEIGHT / 2 ** (highest - index);
    if (pixelHeight <= encodingHeight * UPSCALE_TOLERATED) return index;
  }
  return highest;
}

function named(rids, index) {
  return index === rids.length - 1 ? null : rids[index];
}
