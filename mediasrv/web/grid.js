// Places the tiles: an even grid, or one large tile (a shared screen, a pinned person) and a strip with the others.

import { arrange, element } from "./dom.js";
import { fitGrid, fitStage } from "./layout.js";
import { Tile } from "./tile.js";

/** Events: `viewed` (sizes or visibility of tiles changed, see `views()`), `pinned` (see `pinnedId`). */
export class Grid extends EventTarget {
  #container;
  #stage = element("div", { class: "grid-stage" });
  #rest = element("div", { class: "grid-tiles" });
  #tiles = new Map();         // key -> Tile
  #views = [];                // what is shown, in order, see render()
  #inSight = new Set();       // keys
  #pinned = null;
  #observer;

  constructor(container) {
    super();
    this.#container = container;
    container.append(this.#stage, this.#rest);
    new ResizeObserver(() => this.#place()).observe(container);
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { root: container });
  }

  /** `views`: what Tile.update() takes, each with a `key`; those of longest standing first. */
  render(views) {
    this.#views = views;
    const keys = new Set(views.map(({ key }) => key));
    for (const [key, tile] of this.#tiles) {
      if (keys.has(key)) continue;
      this.#observer.unobserve(tile.element);
      tile.remove();
      this.#tiles.delete(key);
      this.#inSight.delete(key);
      if (this.#pinned === key) this.#pinned = null;
    }
    for (const view of views) {
      let tile = this.#tiles.get(view.key);
      if (!tile) {
        tile = new Tile(view.key, () => this.#togglePin(view.key));
        this.#tiles.set(view.key, tile);
        this.#inSight.add(view.key);      // until the observer knows better: it must not be paused and resumed
        this.#observer.observe(tile.element);
      }
      tile.update({ ...view, isPinned: this.#pinned === view.key });
    }
    this.#place();
  }

  /** Whose tile is large because the person wants it so: a participant's id, or null. */
  get pinnedId() {
    return this.#views.find(({ key }) => key === this.#pinned)?.id ?? null;
  }

  /** The rendered views with {pixelHeight, visible} as they are on the screen. */
  views() {
    return this.#views.map((view) => ({
      ...view,
      pixelHeight: Math.round(this.#tiles.get(view.key).element.clientHeight * devicePixelRatio),
      visible: this.#inSight.has(view.key),
    }));
  }

  #togglePin(key) {
    this.#pinned = this.#pinned === key ? null : key;
    this.dispatchEvent(new Event("pinned"));
    this.render(this.#views);
  }

  #staged() {
    return this.#views.find(({ key }) => key === this.#pinned) ?? this.#views.find(({ isScreen }) => isScreen);
  }

  #place() {
    const { clientWidth: width, clientHeight: height } = this.#container;
    const staged = this.#staged();
    const rest = this.#views.filter((view) => view !== staged);
    const { style } = this.#container;
    const gap = width < 600 ? 6 : 10;
    style.setProperty("--gap", `${gap}px`);
    let tile;
    if (staged) {
      const stage = fitStage(rest.length, width, height, { gap });
      this.#container.dataset.layout = `stage-${stage.strip}`;
      style.setProperty("--stage-width", `${stage.stageWidth}px`);
      style.setProperty("--stage-height", `${stage.stageHeight}px`);
      tile = stage;
    } else {
      tile = fitGrid(rest.length, width, height, { gap });
      this.#container.dataset.layout = tile.scrolls ? "grid-scrolling" : "grid";
    }
    const columns = tile.columns ?? 1;
    this.#container.dataset.columns = columns;
    style.setProperty("--row-width", `${columns * tile.tileWidth + (columns - 1) * gap}px`);
    style.setProperty("--tile-width", `${tile.tileWidth}px`);
    style.setProperty("--tile-height", `${tile.tileHeight}px`);
    const focused = document.activeElement;
    arrange(this.#stage, staged ? [this.#tiles.get(staged.key).element] : []);
    arrange(this.#rest, rest.map(({ key }) => this.#tiles.get(key).element));
    // A tile that moved between stage and grid takes along whoever stood on its button.
    if (focused !== document.activeElement && this.#container.contains(focused)) focused.focus();
    this.#viewed();
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#inSight.add(target.dataset.key);
      else this.#inSight.delete(target.dataset.key);
    }
    this.#viewed();
  }

  #viewed() {
    this.dispatchEvent(new Event("viewed"));
  }
}
