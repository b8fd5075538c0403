// Creates a room, looks after who comes, and tells what happened: node moderate.js PORT ADMIN_TOKEN TOKEN…
// Each line of its output is JSON. The tokens are for people of the room "node", which has place for two.

import { ControlClient } from "./client.js";

const [port, adminToken, ...tokens] = process.argv.slice(2);
const where = { host: "127.0.0.1", port: Number(port) };
const say = (what, value) => console.log(JSON.stringify({ what, value }));

const admin = await ControlClient.connect(where);
say("refused", await admin.call("list_rooms").catch((error) => error.code));
say("name", (await admin.call("authenticate", { token: adminToken })).name);
const { position } = await admin.call("subscribe_events", { rooms: ["node"] });
await admin.call("create_room", { room: "node", capacity: 2, metadata: "naïve ☃" });

const [ada, bob] = await Promise.all([0, 1].map(() => ControlClient.connect(where)));
const joined = await ada.call("join", { token: tokens[0] });
await bob.call("join", { token: tokens[1] });
const full = await ControlClient.connect(where);
say("full", await full.call("join", { token: tokens[2] }).catch((error) => error.code));
full.close();

await admin.call("revoke", { room: "node", participant_id: joined.participant_id, permissions: ["send_message"] });
say("muzzled", await ada.call("send_message", { text: "a secret" }).catch((error) => error.details.permission));
say("sent", (await bob.call("send_message", { text: "another secret" })).recipients.length);
await admin.call("remove_participant", { room: "node", participant_id: joined.participant_id });
let told = await ada.next();
while (told[0] !== "closing") told = await ada.next();
say("closing", told[1].reason);
await ada.ended;

const { room, participants } = await admin.call("get_room", { room: "node" });
say("left", [room.metadata, participants.map((who) => who.identity)]);
await admin.call("close_room", { room: "node" });

const events = [];
while (events.at(-1)?.event !== "room_closed") events.push((await admin.next())[1]);
say("events", events.map(({ seq, event }) => [seq, event]));

// The same once more, from the position at the beginning: nothing was lost.
await admin.call("subscribe_events", { rooms: ["node"], after: position });
const again = [];
while (again.at(-1)?.event !== "room_closed") again.push((await admin.next())[1]);
say("again", JSON.stringify(again) === JSON.stringify(events));

// And the journal has it, a moment later.
let records = [];
while (records.at(-1)?.event !== "room_closed") {
  ({ records } = await admin.call("read_journal", { room: "node" }));
}
say("journal", records.map(({ seq, event }) => [seq, event]));
say("fields", records.find(({ event }) => event === "message_sent").fields);

const statistics = await admin.call("get_statistics");
say("workers", statistics.workers.length);
for (const client of [admin, bob]) client.close();
