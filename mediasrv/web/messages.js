// Messages to everyone or to one person.

import { byId, element } from "./dom.js";
import { errorNotice, notPermittedNotice, RECIPIENT_LEFT } from "./notices.js";

const EVERYONE = "";
const MOST_KEPT = 500;        // the oldest go first: a long call must not grow without end

/** Event `unread` ({count}). `send(text, to)` resolves with {message_id}; `to` is null or a list of ids. */
export class Messages extends EventTarget {
  #send;
  #people = new Map();        // id -> {identity, name}
  #recipient = null;          // {identity, name} of the chosen one; null: everyone
  #isOpen = false;
  #unread = 0;
  #shown = new Set();
  #log = byId("message-log");
  #text = byId("message-text");
  #to = byId("message-to");
  #error = byId("message-error");

  constructor(send) {
    super();
    this.#send = send;
    byId("message-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("input", () => this.#grow());
    this.#to.addEventListener("change", () => {
      const { identity, name } = this.#people.get(this.#to.value) ?? {};
      this.#recipient = this.#to.value === EVERYONE ? null : { identity, name };
      this.#error.textContent = "";
    });
  }

  /** Whether one may write at all, and how many characters. */
  allow(isAllowed, maxLength) {
    this.#text.disabled = !isAllowed;
    this.#text.placeholder = isAllowed ? "Write a message" : notPermittedNotice("message");
    this.#text.maxLength = maxLength;
  }

  /** The others in the room: [{id, identity, name}]. */
  setPeople(others) {
    this.#people = new Map(others.map((person) => [person.id, person]));
    const options = [element("option", { value: EVERYONE }, "Everyone"),
      ...others.map(({ id, name }) => element("option", { value: id }, name))];
    let selected = EVERYONE;
    if (this.#recipient) {
      // Somebody who came back has another id, but is the same person. Somebody who left stays chosen: what was meant
      // for one must not go to everyone.
      selected = others.find(({ identity }) => identity === this.#recipient.identity)?.id ?? "left";
      if (selected === "left") options.push(element("option", { value: "left" }, `${this.#recipient.name} (left)`));
    }
    this.#to.replaceChildren(...options);
    this.#to.value = selected;
  }

  /**
   * Shows a message: {id, author, recipient (a name, or null: to everyone), isMine, text, sentAt (ISO or seconds)}.
   * `isOld`: it was sent before one came, and is not counted as unread.
   */
  show({ id, author, recipient, isMine, text, sentAt, isOld = false }) {
    if (this.#shown.has(id)) return;
    this.#shown.add(id);
    const atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
    const heading = element("p", { class: "message-head" });
    heading.append(element("span", { class: "message-author" }, isMine ? "You" : author));
    if (recipient) {
      heading.append(element("span", { class: "message-private" }, `only to ${isMine ? recipient : "you"}`));
    }
    heading.append(element("time", {}, timeOfDay(sentAt)));
    this.#log.append(element("li", { class: isMine ? "message mine" : "message" }, heading,
      element("p", { class: "message-text" }, text)));
    while (this.#log.children.length > MOST_KEPT) this.#log.firstElementChild.remove();
    if (atEnd || isMine) this.#log.scrollTop = this.#log.scrollHeight;
    if (!this.#isOpen && !isMine && !isOld) this.#setUnread(this.#unread + 1);
  }

  opened() {
    this.#isOpen = true;
    this.#setUnread(0);
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#text.focus();
  }

  closed() {
    this.#isOpen = false;
  }

  clear() {
    this.#log.replaceChildren();
    this.#shown.clear();
    this.#recipient = null;
    this.#error.textContent = "";
    this.#setUnread(0);
  }

  async #submit() {
    const text = this.#text.value.trim();
    if (!text || this.#text.disabled) return;
    if (this.#to.value === "left") {
      this.#error.textContent = `${this.#recipient.name} ${RECIPIENT_LEFT}`;
      return;
    }
    const to = this.#to.value === EVERYONE ? null : [this.#to.value];
    const recipient = this.#recipient?.name ?? null;
    this.#error.textContent = "";
    this.#text.value = "";
    this.#grow();
    try {
      const { message_id: id } = await this.#send(text, to);
      this.show({ id, author: "", recipient, isMine: true, text, sentAt: new Date() });
    } catch (error) {
      this.#error.textContent = `Not sent. ${errorNotice(error)}`;
      if (!this.#text.value) this.#text.value = text;
      this.#grow();
    }
  }

  #setUnread(count) {
    this.#unread = count;
    this.dispatchEvent(new CustomEvent("unread", { detail: { count } }));
  }

  #grow() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight + 2, 140)}px`;
  }
}

function timeOfDay(sentAt) {
  const date = typeof sentAt === "number" ? new Date(sentAt * 1_000) : new Date(sentAt);
  const known = Number.isNaN(date.getTime()) ? new Date() : date;
  return known.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
