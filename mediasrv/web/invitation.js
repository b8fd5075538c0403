// What the page's address says: the room, and perhaps a token. And where to get a token otherwise.

/** Reads {room, token} from `?room=`, `?token=` and `#token=`; empty strings where nothing is said. */
export function readInvitation(location) {
  const query = new URLSearchParams(location.search);
  const fragment = new URLSearchParams(location.hash.slice(1));
  return {
    room: query.get("room") ?? "",
    token: fragment.get("token") ?? query.get("token") ?? "",
  };
}

/** Moves a token from the query, which travels to servers and their logs, to the fragment, which does not. */
export function hideToken(location, history) {
  const url = new URL(location.href);
  const token = url.searchParams.get("token");
  if (token === null) return;
  url.searchParams.delete("token");
  url.hash = new URLSearchParams({ token }).toString();
  history.replaceState(history.state, "", url);
}

/** The address that brings another person to the same room, without anybody's token. */
export function invitationUrl(location, room) {
  const url = new URL(location.href);
  url.hash = "";
  url.search = "";
  url.searchParams.set("room", room);
  return url.href;
}

/** The same room at another server's page, with the token that this page has; null if `url` is no page's address. */
export function sameRoomAt(url, location, room) {
  let other;
  try {
    other = new URL(url);
  } catch {
    return null;
  }
  if (!["http:", "https:"].includes(other.protocol)) return null;
  other.searchParams.set("room", room);
  other.hash = location.hash;
  return other.href;
}

/** {room, name} a token speaks of, or null if it is not a JWT. Only for display: the server is who verifies it. */
export function peekToken(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { room = "", name = "", sub = "" } = JSON.parse(new TextDecoder().decode(bytes));
    return { room, name: name || sub };
  } catch {
    return null;
  }
}

/** The server gives no tokens away: one must be brought along. */
export class TokenNeeded extends Error {}

/** A token from a development server; rejects with TokenNeeded where the server is not one. */
export async function requestDevToken(baseUrl, { room, name }) {
  const response = await fetch(new URL("dev/token", baseUrl), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ room, name }),
  });
  if ([401, 403, 404, 405].includes(response.status)) throw new TokenNeeded();
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ?? body.message ?? `The server refused (HTTP ${response.status}).`);
  return body.token;
}
