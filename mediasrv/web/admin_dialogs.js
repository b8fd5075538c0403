// What somebody is asked before something happens: whether they mean it, whom a ban keeps out, what somebody may do.

import { FLAGS } from "./admin_words.js";
import { byId, element } from "./dom.js";
import { setText } from "./rows.js";

/** Resolves with whether it was agreed to: Escape and Cancel say no. */
function agreed(dialog) {
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

// They are no submit buttons: the Enter key in a field presses the first of those.
for (const button of document.querySelectorAll("dialog [data-cancel]")) {
  button.addEventListener("click", () => button.closest("dialog").close("no"));
}

/** Resolves with whether somebody wants it. */
export function confirmed({ text, yes }) {
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), yes);
  return agreed(byId("confirm"));
}

const banBy = byId("ban-form").elements.by;

/**
 * A ban from a room: of `who`, a participant, or of somebody who is named in the dialog. Resolves with the params of
 * `ban` and how to tell of it, {params, name, span}, or with null.
 */
export async function chosenBan(room, who) {
  const field = byId("ban-who");
  setText(byId("ban-title"), `Keep ${who?.name ?? "somebody"} out of ${room}`);
  setText(byId("ban-by-identity"), who ? `The identity ${who.identity}` : "An identity");
  const whose = who ? `${who.name}'s address` : "an IP address";
  setText(byId("ban-by-address"), `Everybody at ${whose}, but moderators`);
  byId("ban-who-field").hidden = field.disabled = who !== null;
  field.required = who === null;
  field.value = byId("ban-reason").value = "";
  byId("ban-for").value = "3600";
  banBy.value = "identity";
  nameField();
  if (!await agreed(byId("ban"))) return null;
  const duration = byId("ban-for");
  const params = { ...whom(banBy.value, who, field.value.trim()), for_s: Number(duration.value) };
  params.reason = byId("ban-reason").value.trim();
  const name = who === null ? field.value.trim() : banBy.value === "identity" ? who.name : `${who.name}'s address`;
  return { params: { room, ...params }, name, span: duration.selectedOptions[0].text };
}

/** An identity is banned by its name: who leaves meanwhile is banned all the same. */
function whom(by, who, named) {
  if (by === "identity") return { identity: who?.identity ?? named };
  return who ? { participant_id: who.id, by_address: true } : { address: named };
}

function nameField() {
  setText(byId("ban-who-label"), banBy.value === "identity" ? "Identity" : "IP address");
}

byId("ban-form").addEventListener("change", nameField);

/**
 * What `who` may do. Resolves with what is to be granted and revoked, {grant, revoke, for_s}, or with null; `for_s` is
 * null for good. Only what is changed counts: others may change the rest meanwhile.
 */
export async function chosenPermissions(who, { granted, consented }) {
  setText(byId("permissions-title"), `What ${who.name} may do`);
  const boxes = FLAGS.map(([flag, meaning]) => {
    const box = element("input", { type: "checkbox", value: flag });
    box.checked = granted.includes(flag);
    const refused = consented.includes(flag) ? "" : element("span", { class: "quiet" }, " (does not want to)");
    byId("permissions-flags").append(element("label", { class: "check" }, box, element("span", {}, meaning, refused)));
    return box;
  });
  byId("permissions-for").value = "";
  showAfter();
  const isAgreed = await agreed(byId("permissions"));
  byId("permissions-flags").replaceChildren();
  if (!isAgreed) return null;
  const changed = (wanted) => boxes.map(({ value, checked }) => (checked === wanted ? value : null))
    .filter((flag) => flag !== null && granted.includes(flag) !== wanted);
  const seconds = byId("permissions-for").value;
  return { grant: changed(true), revoke: changed(false), for_s: seconds ? Number(seconds) : null };
}

function showAfter() {
  byId("permissions-after").hidden = !byId("permissions-for").value;
}

byId("permissions-for").addEventListener("change", showAfter);
