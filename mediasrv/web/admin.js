// Wires the page of those who look after a server: the token, then the picture of the server, live.

import { BansView, nameOf } from "./admin_bans.js";
import { chosenBan, chosenPermissions, confirmed } from "./admin_dialogs.js";
import { AdminFeed } from "./admin_feed.js";
import { JournalView } from "./admin_journal.js";
import { RoomView } from "./admin_room.js";
import { ServerView } from "./admin_server.js";
import { happened } from "./admin_words.js";
import { announce, toast } from "./announcements.js";
import { byId } from "./dom.js";
import { readInvitation } from "./invitation.js";

const TOKEN_KEY = "mediasrv-admin-token";

const server = new ServerView();
const roomView = new RoomView();
const bans = new BansView();
const journal = new JournalView();
let feed = null;

function rpcUrl() {
  const url = new URL("rpc", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/** A development server gives admin tokens for the asking. */
async function developmentToken() {
  const response = await fetch("dev/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ admin: true }),
  }).catch(() => null);
  return response?.ok ? (await response.json()).token : null;
}

function signIn(token) {
  feed?.close();
  const opened = feed = new AdminFeed(rpcUrl(), token);
  const on = (type, listener) => opened.addEventListener(type, ({ detail }) => opened === feed && listener(detail));
  on("picture", (picture) => {
    sessionStorage.setItem(TOKEN_KEY, token);       // of this tab alone, until it is closed
    byId("login").hidden = true;
    byId("admin").hidden = false;
    byId("admin-banner").hidden = true;
    server.show(picture, opened.watched);
    roomView.show(picture.room, picture.statistics);
    bans.tick(picture.statistics.ts);
    journal.room = picture.room === null ? null : opened.watched;
  });
  on("journal", (records) => records.forEach((record) => journal.add(record)));
  on("event", (event) => {
    journal.add(event);
    bans.happened(event);
    if (event.event === "guest_waiting" && event.room === opened.watched) announce(`${happened(event).text}.`);
  });
  on("lost", () => {
    byId("admin-banner").textContent = "The connection to the server is lost. It is tried again…";
    byId("admin-banner").hidden = byId("admin").hidden;
    if (byId("admin").hidden) showLogin("The server can't be reached. It is tried again…");
  });
  on("refused", (error) => {
    sessionStorage.removeItem(TOKEN_KEY);
    showLogin(error.code === "token_expired" ? "This token has expired. Make a new one." : error.message);
  });
  opened.run();
}

function showLogin(problem = "") {
  byId("admin").hidden = true;
  byId("login").hidden = false;
  byId("login-error").textContent = problem;
  byId("login-token").focus();
}

/** What came of a request; null: nothing, and that was said. */
async function asked(method, params) {
  try {
    return await feed.request(method, params);
  } catch (error) {
    toast(error.message, { kind: "error" });
    return null;
  }
}

/** Somebody is to be banned from a room: `who`, a participant, or whom the dialog asks for. */
async function ban(room, who) {
  const chosen = await chosenBan(room, who);
  const made = chosen && await asked("ban", chosen.params);
  if (made?.kept) toast(`${chosen.name} is banned from ${room} for ${chosen.span}.`);
  else if (made) toast("In force, but the database fails: if the server stops now, the ban is forgotten.", { kind: "error" });
}

server.addEventListener("room", ({ detail }) => {
  feed.watch(detail.name);
  journal.room = detail.name;
  bans.look(detail.name);
});
roomView.addEventListener("act", async ({ detail: { method, params, confirm } }) => {
  if (!confirm || await confirmed(confirm)) await asked(method, params);
});
roomView.addEventListener("ban", ({ detail: { room, who } }) => ban(room, who));
roomView.addEventListener("permit", async ({ detail: { room, who } }) => {
  const target = { room, participant_id: who.id };
  const now = await asked("get_participant", target);
  const chosen = now && await chosenPermissions(who, now);
  for (const method of ["grant", "revoke"]) {
    if (chosen?.[method].length) await asked(method, { ...target, permissions: chosen[method], for_s: chosen.for_s });
  }
});
bans.addEventListener("ban", ({ detail: { room } }) => ban(room, null));
bans.addEventListener("room", async ({ detail: { name } }) => {
  const found = await asked("list_bans", { room: name });
  if (found) bans.show(name, found.bans);
});
bans.addEventListener("lift", async ({ detail: { room, ban } }) => {
  const lifted = await asked("unban", { room, ban_id: ban.id });
  if (lifted?.kept) toast(`${nameOf(ban)} is no longer banned from ${room}.`);
  else if (lifted) toast("Lifted, but the database fails: if the server stops now, the ban is back.", { kind: "error" });
});
byId("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = byId("login-token").value.trim();
  if (!token) return showLogin("Paste a token first.");
  byId("login-error").textContent = "";
  return signIn(token);
});
byId("sign-out").addEventListener("click", () => {
  sessionStorage.removeItem(TOKEN_KEY);
  feed?.close();
  feed = null;
  byId("login-token").value = "";
  journal.clear();
  roomView.show(null);
  bans.clear();
  showLogin();
});

const brought = readInvitation(location).token;
history.replaceState(null, "", location.pathname);         // what was brought along is used once
const token = brought || sessionStorage.getItem(TOKEN_KEY) || await developmentToken();
if (token) signIn(token);
else showLogin();
