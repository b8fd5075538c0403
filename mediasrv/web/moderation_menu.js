// The menu of what a moderator can do about somebody: a button with a menu below it, for mouse and keyboard alike.

import { element, icon } from "./dom.js";

let opened = null;              // the menu that is open: there is one at a time

/** Event `chosen` ({action}). `actions` of `render`: [{action, label, danger}]. */
export class ModerationMenu extends EventTarget {
  element = element("span", { class: "menu-place" });
  #button = element("button", { type: "button", class: "round plain small", "aria-haspopup": "menu",
    "aria-expanded": "false" }, icon("more"));
  #list = element("ul", { class: "menu", role: "menu", hidden: true });
  #shown = "";

  constructor() {
    super();
    this.element.append(this.#button, this.#list);
    this.#button.addEventListener("click", () => (this.#list.hidden ? this.#open() : this.close()));
    this.#button.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") {
        event.preventDefault();
        this.#open();
      }
    });
    this.#list.addEventListener("keydown", (event) => this.#keydown(event));
    this.element.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !this.element.contains(relatedTarget)) this.close({ focus: false });
    });
  }

  render(name, actions) {
    this.element.hidden = actions.length === 0;
    this.#button.setAttribute("aria-label", `More about ${name}`);
    this.#list.setAttribute("aria-label", `About ${name}`);
    const shown = JSON.stringify(actions);
    if (shown === this.#shown) return;          // a menu in use must not change under the hand without need
    this.#shown = shown;
    const hadFocus = this.#list.contains(document.activeElement);
    this.#list.replaceChildren(...actions.map(({ action, label, danger }) => {
      const item = element("button", { type: "button", role: "menuitem", tabindex: "-1", class: danger ? "danger" : "" }, label);
      item.addEventListener("click", () => {
        this.close();
        this.dispatchEvent(new CustomEvent("chosen", { detail: { action } }));
      });
      return element("li", { role: "none" }, item);
    }));
    if (hadFocus) this.#items[0]?.focus();
  }

  close({ focus = true } = {}) {
    if (this.#list.hidden) return;
    this.#list.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
    if (opened === this) opened = null;
    if (focus) this.#button.focus();
  }

  /** Below the button, wherever that is now, or above it where there is no room below. */
  place() {
    const button = this.#button.getBoundingClientRect();
    const height = this.#list.offsetHeight;
    const isBelow = button.bottom + height < window.innerHeight;
    this.#list.style.top = `${isBelow ? button.bottom : Math.max(0, button.top - height)}px`;
    this.#list.style.right = `${Math.max(0, document.documentElement.clientWidth - button.right)}px`;
  }

  get #items() {
    return [...this.#list.querySelectorAll("[role=menuitem]")];
  }

  #open() {
    opened?.close({ focus: false });
    opened = this;
    this.#list.hidden = false;
    this.place();
    this.#button.setAttribute("aria-expanded", "true");
    this.#items[0]?.focus();
  }

  #keydown(event) {
    const items = this.#items;
    const at = items.indexOf(document.activeElement);
    const next = {
      ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length, Home: 0, End: items.length - 1,
    }[event.key];
    if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();                // or the panel would close too
      }
      this.close();
    } else if (next !== undefined) {
      event.preventDefault();
      items[next].focus();
    }
  }
}

for (const moved of ["scroll", "resize"]) window.addEventListener(moved, () => opened?.place(), true);
document.addEventListener("pointerdown", ({ target }) => {
  if (opened && !opened.element.contains(target)) opened.close({ focus: false });
});
