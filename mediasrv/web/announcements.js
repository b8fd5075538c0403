// What is told outside the place where it happened: toasts for eyes, a polite live region for screen readers.

import { byId, element, icon } from "./dom.js";

const TOAST_MS = 8_000;
const MOST_TOASTS = 4;
const SETTLE_MS = 150;

let unspoken = [];
let speaking = null;

/** Says a sentence to screen readers only. Several at once are said together, so that none is cut off. */
export function announce(sentence) {
  unspoken.push(sentence);
  speaking ??= setTimeout(() => {
    byId("announcer").textContent = unspoken.join(" ");
    unspoken = [];
    speaking = null;
  }, SETTLE_MS);
}

/**
 * Shows a notice and says it. `action` is {label, run}; with one, the notice stays until it is dealt with, or until
 * `untoast(key)`.
 */
export function toast(sentence, { kind = "info", action = null, key = null } = {}) {
  const toasts = byId("toasts");
  for (const shown of toasts.children) if (shown.dataset.sentence === sentence) shown.remove();
  const made = element("div", { class: `toast ${kind}`, role: kind === "error" ? "alert" : "status" },
    element("p", {}, sentence));
  made.dataset.sentence = sentence;
  if (key !== null) made.dataset.key = key;
  if (action) {
    const button = element("button", { type: "button", class: "text" }, action.label);
    button.addEventListener("click", () => {
      made.remove();
      action.run();
    });
    made.append(button);
  }
  const closing = { type: "button", class: "round plain small", "aria-label": "Dismiss" };
  const close = element("button", closing, icon("close"));
  close.addEventListener("click", () => made.remove());
  made.append(close);
  toasts.append(made);
  while (toasts.children.length > MOST_TOASTS) toasts.firstElementChild.remove();
  if (!action) setTimeout(() => made.remove(), TOAST_MS);
  return made;
}

/** What the notices of this key were about is settled. */
export function untoast(key) {
  for (const shown of byId("toasts").querySelectorAll("[data-key]")) if (shown.dataset.key === key) shown.remove();
}

export function clearToasts() {
  byId("toasts").replaceChildren();
}
